package org.tinyaudiossl.federated.device

/** IEEE 754 half precision: conversions that round as NumPy does, to the nearest, ties to even. */
internal object HalfFloat {
    private const val SIGN = 0x8000
    private const val INFINITY = 0x7c00
    private const val NOT_A_NUMBER = 0x7e00

    fun toBits(value: Float): Short {
        val bits = value.toRawBits()
        val sign = (bits ushr 16) and SIGN
        val size = bits and 0x7fffffff
        val half = when {
            size > 0x7f800000 -> NOT_A_NUMBER
            size >= 0x477ff000 -> INFINITY // 65,520 and more
            size >= 0x38800000 -> rounded(size, 13) - (112 shl 10) // normal: another bias
            size >= 0x33000000 -> { // subnormal: the hidden bit becomes visible
                val exponent = size ushr 23
                rounded((size and 0x7fffff) or 0x800000, 126 - exponent)
            }
            else -> 0
        }
        return (sign or half).toShort()
    }

    fun toFloat(half: Short): Float {
        val bits = half.toInt() and 0xffff
        val exponent = (bits ushr 10) and 0x1f
        val fraction = bits and 0x3ff
        val size = when (exponent) {
            0 -> fraction * SMALLEST
            0x1f -> Float.fromBits(0x7f800000 or (fraction shl 13))
            else -> Float.fromBits(((exponent + 112) shl 23) or (fraction shl 13))
        }
        return if (bits and SIGN != 0) -size else size
    }

    /** Return [value] without its last [drop] bits, rounded to the nearest, ties to even. */
    private fun rounded(value: Int, drop: Int): Int {
        val kept = value ushr drop
        val rest = value and ((1 shl drop) - 1)
        val tie = 1 shl (drop - 1)
        return if (rest > tie || (rest == tie && kept and 1 == 1)) kept + 1 else kept
    }

    private const val SMALLEST = 5.9604645e-8f // 2^-24
}
