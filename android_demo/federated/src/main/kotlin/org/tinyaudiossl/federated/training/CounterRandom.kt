package org.tinyaudiossl.federated.training

/**
 * Random integers that a counter gives: this device and one in Python draw the same by the same
 * numbers. The rule is tiny_audio_ssl/data/counter.py's; a test compares the two.
 */
internal object CounterRandom {
    const val ORDER = 0L // purposes: different draws of one step
    const val CROP = 1L
    const val TASK = 2L
    private const val GAMMA = -0x61c8864680b583ebL // 0x9e3779b97f4a7c15

    /** Return 64 bits for several numbers; their order matters. */
    fun hashOf(vararg numbers: Long): Long {
        var found = 0L
        for (number in numbers) {
            found = (found + GAMMA) xor number
            found = (found xor (found ushr 30)) * -0x40a7b892e31b1a47L // 0xbf58476d1ce4e5b9
            found = (found xor (found ushr 27)) * -0x6b2fb644ecceee15L // 0x94d049bb133111eb
            found = found xor (found ushr 31)
        }
        return found
    }

    /** Return an integer in 0..[largest] for several numbers. */
    fun integer(largest: Int, vararg numbers: Long): Int =
        (((hashOf(*numbers) ushr 32) * (largest + 1L)) ushr 32).toInt()
}
