package org.tinyaudiossl.federated.secagg

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.SecureRandom

/**
 * Shamir's secret sharing in GF(2^128) with the polynomial x^128 + x^7 + x^2 + x + 1, as PyCryptodome
 * does it, in the bytes that Flower makes of it: a share is its index in four bytes, little-endian, and
 * 16 bytes for each 16 bytes of the secret, which is padded as of PKCS 7.
 */
internal object Shamir {
    private const val BLOCK = 16
    private const val REDUCTION = 0x87L

    /** Return [count] shares of [secret], of which any [threshold] give it. */
    fun split(secret: ByteArray, threshold: Int, count: Int, random: SecureRandom): List<ByteArray> {
        val padding = BLOCK - secret.size % BLOCK
        val padded = secret + ByteArray(padding) { padding.toByte() }
        val shares = List(count) { i ->
            val share = ByteBuffer.allocate(4 + padded.size)
            share.order(ByteOrder.LITTLE_ENDIAN).putInt(i + 1).order(ByteOrder.BIG_ENDIAN)
        }
        for (start in padded.indices step BLOCK) {
            val drawn = List(threshold - 1) { Element.read(ByteArray(BLOCK).also(random::nextBytes), 0) }
            val coefficients = drawn + Element.read(padded, start)
            shares.forEachIndexed { i, share -> valueAt(i + 1, coefficients).write(share) }
        }
        return shares.map { it.array() }
    }

    /** Return the polynomial's value by Horner's rule; the first coefficient is that of the highest power. */
    private fun valueAt(x: Int, coefficients: List<Element>): Element =
        coefficients.fold(Element(0, 0)) { value, coefficient -> value.times(x) + coefficient }

    /** The coefficients of x^127 to x^64 are the bits of [high], those of x^63 to 1 the bits of [low]. */
    private class Element(private val high: Long, private val low: Long) {
        operator fun plus(other: Element) = Element(high xor other.high, low xor other.low)

        /** Return the product with the element whose bits are those of [factor]. */
        fun times(factor: Int): Element {
            var product = Element(0, 0)
            var power = this
            var rest = factor
            while (rest != 0) {
                if (rest and 1 == 1) product += power
                power = power.doubled()
                rest = rest ushr 1
            }
            return product
        }

        private fun doubled() = Element(
            (high shl 1) or (low ushr 63),
            (low shl 1) xor (if (high < 0) REDUCTION else 0L),
        )

        fun write(target: ByteBuffer) {
            target.putLong(high).putLong(low)
        }

        companion object {
            fun read(bytes: ByteArray, at: Int): Element = ByteBuffer.wrap(bytes, at, BLOCK).run { Element(long, long) }
        }
    }
}
