package org.tinyaudiossl.federated.fleet

/** Base64, which Android's Java has only from API 26 on. */
internal object Base64 {
    private const val LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    fun encode(bytes: ByteArray): String = buildString {
        for (start in bytes.indices step 3) {
            val group = IntArray(3) { bytes.getOrElse(start + it) { 0 }.toInt() and 0xff }
            val bits = (group[0] shl 16) or (group[1] shl 8) or group[2]
            for (i in 0..3) {
                append(if (start + i <= bytes.size) LETTERS[(bits shr (18 - 6 * i)) and 63] else '=')
            }
        }
    }

    /** @throws IllegalArgumentException [text] holds other characters; line breaks are skipped. */
    fun decode(text: String): ByteArray {
        val digits = text.filterNot(Char::isWhitespace).trimEnd('=').map {
            require(it in LETTERS) { "'$it' in Base64" }
            LETTERS.indexOf(it)
        }
        return ByteArray(digits.size * 6 / 8) { i ->
            val first = i * 8 / 6
            val pair = (digits[first] shl 6) or digits[first + 1]
            (pair shr (4 - i * 8 % 6)).toByte()
        }
    }
}
