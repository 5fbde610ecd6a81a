package org.tinyaudiossl.encoder

/** Of [sorted], not empty; linear between the two nearest ranks, as numpy.percentile. */
fun percentile(sorted: DoubleArray, percent: Double): Double {
    require(sorted.isNotEmpty() && percent in 0.0..100.0) { "${sorted.size} values, $percent %" }
    val rank = percent / 100 * (sorted.size - 1)
    val below = rank.toInt()
    val above = minOf(below + 1, sorted.size - 1)
    return sorted[below] + (rank - below) * (sorted[above] - sorted[below])
}

/** FNV-1a, 64 bits, of the numbers' little-endian bytes, as 16 hexadecimal digits. */
fun checksum(numbers: FloatArray): String {
    var hash = -0x340d631b7bdddcdbL // 0xcbf29ce484222325
    for (number in numbers) {
        val bits = number.toRawBits()
        for (shift in 0 until 32 step 8) {
            hash = (hash xor (bits ushr shift and 0xff).toLong()) * 0x100000001b3L
        }
    }
    return java.lang.Long.toHexString(hash).padStart(16, '0')
}
