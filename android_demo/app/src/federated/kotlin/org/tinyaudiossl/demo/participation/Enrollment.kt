package org.tinyaudiossl.demo.participation

import java.io.IOException
import java.net.URLDecoder
import java.security.cert.Certificate
import java.security.cert.CertificateException
import java.security.cert.CertificateFactory
import kotlin.io.encoding.Base64
import org.json.JSONException
import org.json.JSONObject
import org.tinyaudiossl.federated.records.sha256Hex
import org.tinyaudiossl.federated.wire.Pem

/** A file or link that is not what `tiny-audio-ssl federate enroll` makes; the message is for users. */
class EnrollmentException(message: String, cause: Throwable? = null) : IOException(message, cause)

/**
 * Where a phone takes part, and in what.
 *
 * @param server `host:port` of the SuperLink.
 * @param authority the certificate by which the server is verified, as PEM.
 * @param artifactSha256 of the training artifact of the runs, in hexadecimal.
 */
data class Enrollment(val server: String, val authority: String, val artifactSha256: String) {

    /** SHA-256 of the authority's certificate, in hexadecimal, to compare with the operator's. */
    val fingerprint: String get() = sha256Hex(certificate(authority).encoded)

    fun toJson(): String = JSONObject()
        .put("format_version", FORMAT_VERSION)
        .put("server", server)
        .put("authority", authority)
        .put("artifact_sha256", artifactSha256)
        .toString()

    companion object {
        private const val FORMAT_VERSION = 1
        private const val LINK = "tinyaudio://enroll?"
        private val SERVER = Regex("[A-Za-z0-9.-]+:[0-9]{1,5}")
        private val SHA256 = Regex("[0-9a-f]{64}")

        /**
         * Reads the text of an enrollment file, or of a link, which a QR code may hold.
         * @throws EnrollmentException it is neither, or something in it is missing or malformed.
         */
        fun parse(text: String): Enrollment = text.trim().let {
            checked(if (it.startsWith(LINK)) fromLink(it.removePrefix(LINK)) else fromJson(it))
        }

        private fun fromJson(text: String): Enrollment = try {
            val content = JSONObject(text)
            val version = content.getInt("format_version")
            if (version != FORMAT_VERSION) {
                throw EnrollmentException("enrollment of format version $version; this app reads $FORMAT_VERSION")
            }
            Enrollment(content.getString("server"), content.getString("authority"), content.getString("artifact_sha256"))
        } catch (error: JSONException) {
            throw EnrollmentException("not an enrollment: ${error.message}", error)
        }

        private fun fromLink(query: String): Enrollment {
            val values = query.split('&').associate { it.substringBefore('=') to it.substringAfter('=', "") }
            fun value(name: String) = try {
                URLDecoder.decode(values[name] ?: throw EnrollmentException("the link has no $name"), "UTF-8")
            } catch (error: IllegalArgumentException) {
                throw EnrollmentException("the link's $name is malformed", error)
            }
            val der = try {
                Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT_OPTIONAL).decode(value("authority"))
            } catch (error: IllegalArgumentException) {
                throw EnrollmentException("the link's authority is malformed", error)
            }
            return Enrollment(value("server"), Pem.encode(Pem.CERTIFICATE, der), value("artifact"))
        }

        private fun checked(given: Enrollment): Enrollment {
            if (!SERVER.matches(given.server)) {
                throw EnrollmentException("the server is ${given.server}; expected HOST:PORT")
            }
            if (!SHA256.matches(given.artifactSha256)) {
                throw EnrollmentException("the artifact's hash is not 64 hexadecimal digits")
            }
            try {
                certificate(given.authority)
            } catch (error: CertificateException) {
                throw EnrollmentException("the authority is not a certificate", error)
            }
            return given
        }

        private fun certificate(pem: String): Certificate =
            CertificateFactory.getInstance("X.509").generateCertificate(pem.byteInputStream())
    }
}
