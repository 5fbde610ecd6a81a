package org.tinyaudiossl.federated.fleet

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URL
import java.security.KeyStore
import java.security.cert.CertPathValidatorException
import java.security.cert.CertificateException
import java.security.cert.CertificateExpiredException
import java.security.cert.CertificateFactory
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone
import javax.net.ssl.HttpsURLConnection
import javax.net.ssl.SSLContext
import javax.net.ssl.SSLException
import javax.net.ssl.SSLSocketFactory
import javax.net.ssl.TrustManagerFactory
import kotlin.io.encoding.Base64
import kotlin.math.abs
import org.json.JSONException
import org.json.JSONObject

/**
 * Protobuf over HTTPS to a SuperLink's Fleet API. Every request is signed: this device's public key,
 * the time, and an ECDSA signature of the time are in three of its headers.
 *
 * @param address `host:port`.
 * @param authority the PEM file of the certificate authority by which the server is verified.
 */
class Transport(
    private val address: String,
    authority: File,
    private val key: NodeKey,
    private val timeoutMs: Int = 30_000,
    private val nowMs: () -> Long = System::currentTimeMillis,
) {
    private val sockets: SSLSocketFactory = socketsTrusting(authority)
    private val publicKey = Base64.encode(key.publicPem)

    /**
     * Send [request], and return the server's answer.
     * @throws FleetException the server can't be reached or trusted, or refuses; no other exception.
     */
    fun post(path: String, request: ByteArray): ByteArray = try {
        val connection = URL("https://$address$path").openConnection() as HttpsURLConnection
        connection.sslSocketFactory = sockets
        prepare(connection, request.size)
        connection.outputStream.use { it.write(request) }
        if (connection.responseCode !in 200..299) throw refusal(path, connection)
        whole(connection, connection.inputStream.use { read(it, MAX_RESPONSE_BYTES) })
    } catch (error: FleetException) {
        throw error
    } catch (error: SSLException) {
        throw explained(error)
    } catch (error: IOException) {
        throw UnavailableException("$address: ${error.message ?: error.javaClass.simpleName}", error)
    }

    private fun prepare(connection: HttpURLConnection, size: Int) {
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.connectTimeout = timeoutMs
        connection.readTimeout = timeoutMs
        connection.instanceFollowRedirects = false
        connection.setFixedLengthStreamingMode(size) // also: never sent a second time unseen
        val time = isoTime(nowMs())
        val headers = mapOf(
            "content-type" to MEDIA_TYPE,
            "accept" to MEDIA_TYPE,
            "accept-encoding" to "identity",
            "user-agent" to USER_AGENT,
            "flwr-package-name" to "flwr",
            "flwr-package-version" to PROTOCOL_VERSION,
            "flwr-component-name" to "SuperNode",
            "flwr-public-key" to publicKey,
            "flwr-timestamp" to time,
            "flwr-signature" to Base64.encode(key.sign(time.toByteArray())),
        )
        headers.forEach(connection::setRequestProperty)
    }

    /** Return [body] if it is all of the answer: Java takes what came before a connection was lost for all of it. */
    private fun whole(connection: HttpURLConnection, body: ByteArray): ByteArray {
        val announced = connection.getHeaderField("content-length")?.toLongOrNull() ?: return body
        if (body.size.toLong() == announced) return body
        throw UnavailableException("$address: the answer was cut off after ${body.size} of $announced bytes")
    }

    private fun refusal(path: String, connection: HttpURLConnection): FleetException {
        val said = connection.errorStream?.use { reason(read(it, MAX_ERROR_BYTES)) }.orEmpty()
        val status = connection.responseCode
        val text = "$address answered $path with $status: ${said.ifEmpty { "no reason given" }}"
        return when {
            status == 401 -> unauthenticated(connection.date)
            status == 412 && path.endsWith("/activate-node") -> NotActivatedException(unknownKey)
            status == 403 -> RunEndedException(text)
            status == NO_STATUS || status in 502..504 -> UnavailableException(text)
            else -> FleetException(text)
        }
    }

    private fun unauthenticated(serverMs: Long): UnauthenticatedException {
        val aheadS = (nowMs() - serverMs) / 1000
        if (serverMs > 0 && aheadS !in -OLDEST_SIGNATURE_S..NEWEST_SIGNATURE_S) {
            val direction = if (aheadS > 0) "ahead of" else "behind"
            return WrongClockException(
                "this device's clock is ${abs(aheadS)} s $direction that of $address, so its " +
                    "signatures are refused; set the clock",
            )
        }
        return UnauthenticatedException(unknownKey)
    }

    private val unknownKey: String
        get() = "$address does not know this device's key; have the operator register its public half"

    private fun explained(error: SSLException): FleetException {
        val cause = generateSequence<Throwable>(error) { it.cause }
            .lastOrNull { it is CertificateException || it is CertPathValidatorException }
        return if (cause != null) {
            val expired = if (cause is CertificateExpiredException) "its certificate has expired; " else ""
            UntrustedServerException("$address is not trusted: $expired${cause.message}", error)
        } else {
            UnavailableException("$address: ${error.message}", error)
        }
    }

    companion object {
        /** The version of Flower whose protocol this is. */
        const val PROTOCOL_VERSION = "1.41.0"
        private const val USER_AGENT = "tiny-audio-device" // Android's own names the model of the phone
        private const val MEDIA_TYPE = "application/protobuf"
        private const val MAX_RESPONSE_BYTES = 16 shl 20 // an object is a piece of 5 MiB by default
        private const val NO_STATUS = -1 // Java's, of an answer that was cut off in its first line
        private const val MAX_ERROR_BYTES = 64 shl 10
        private const val OLDEST_SIGNATURE_S = 300L
        private const val NEWEST_SIGNATURE_S = 5L

        internal fun isoTime(ms: Long): String = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'+00:00'", Locale.ROOT)
            .apply { timeZone = TimeZone.getTimeZone("UTC") }
            .format(Date(ms))

        private fun socketsTrusting(authority: File): SSLSocketFactory {
            val certificates = try {
                authority.inputStream().use { CertificateFactory.getInstance("X.509").generateCertificates(it) }
            } catch (error: CertificateException) {
                throw FleetException("$authority: no PEM file of certificates", error)
            }
            if (certificates.isEmpty()) throw FleetException("$authority: holds no certificate")
            val store = KeyStore.getInstance(KeyStore.getDefaultType()).apply { load(null) }
            certificates.forEachIndexed { i, one -> store.setCertificateEntry("authority-$i", one) }
            val managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm())
                .apply { init(store) }
                .trustManagers
            return SSLContext.getInstance("TLS").apply { init(null, managers, null) }.socketFactory
        }

        private fun read(input: InputStream, most: Int): ByteArray {
            val out = ByteArrayOutputStream()
            val buffer = ByteArray(1 shl 16)
            while (true) {
                val count = input.read(buffer)
                if (count < 0) return out.toByteArray()
                out.write(buffer, 0, count)
                if (out.size() > most) throw FleetException("an answer of more than $most bytes")
            }
        }

        private fun reason(body: ByteArray): String = try {
            JSONObject(String(body)).let { it.optString("public_message", it.optString("detail")) }
        } catch (_: JSONException) {
            ""
        }
    }
}
