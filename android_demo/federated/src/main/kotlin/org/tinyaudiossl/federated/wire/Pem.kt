package org.tinyaudiossl.federated.wire

import kotlin.io.encoding.Base64 // Android's Java has one from API 26 on only

/** Keys and certificates as text between `-----BEGIN` and `-----END`, in lines of 64 characters. */
object Pem {
    const val PRIVATE_KEY = "PRIVATE KEY"
    const val PUBLIC_KEY = "PUBLIC KEY"
    const val CERTIFICATE = "CERTIFICATE"

    fun encode(label: String, content: ByteArray): String =
        Base64.encode(content).chunked(64).joinToString("\n", "-----BEGIN $label-----\n", "\n-----END $label-----\n")

    /**
     * Return the content of the first section of a label.
     * @throws IllegalArgumentException [text] has no section of that label, or one that is not Base64.
     */
    fun decode(label: String, text: String): ByteArray {
        val begin = "-----BEGIN $label-----"
        val found = text.substringAfter(begin, "").substringBefore("-----END $label-----", "")
        require(found.isNotEmpty()) { "no $begin" }
        return Base64.decode(found.filterNot(Char::isWhitespace))
    }
}
