package org.tinyaudiossl.federated.secagg

/**
 * The masks that NumPy's `RandomState.randint` draws from a seed: a Mersenne Twister (Matsumoto and
 * Nishimura 1998, doi 10.1145/272991.272995) and rejection, as flwr's `pseudo_rand_gen` calls it.
 *
 * @param seed a multiple of four bytes; their exclusive or, in words of four, is the generator's seed.
 * @param modRange a power of two, 4 to 2^32: the masks are 0 to [modRange] - 2.
 */
internal class MaskGenerator(seed: ByteArray, modRange: Long) {
    private val mask = modRange - 1
    private val state = IntArray(SIZE)
    private var at = SIZE

    init {
        state[0] = folded(seed)
        for (i in 1 until SIZE) {
            val before = state[i - 1]
            state[i] = 1_812_433_253 * (before xor (before ushr 30)) + i
        }
    }

    /** Return the next mask. */
    fun next(): Long {
        while (true) {
            val drawn = word().toLong() and mask
            if (drawn != mask) return drawn
        }
    }

    private fun word(): Int {
        if (at == SIZE) twist()
        var word = state[at++]
        word = word xor (word ushr 11)
        word = word xor ((word shl 7) and 0x9d2c5680.toInt())
        word = word xor ((word shl 15) and 0xefc60000.toInt())
        return word xor (word ushr 18)
    }

    private fun twist() {
        for (i in 0 until SIZE) {
            val word = (state[i] and Int.MIN_VALUE) or (state[(i + 1) % SIZE] and Int.MAX_VALUE)
            val twisted = (word ushr 1) xor (if (word and 1 == 1) 0x9908b0df.toInt() else 0)
            state[i] = state[(i + MIDDLE) % SIZE] xor twisted
        }
        at = 0
    }

    private companion object {
        const val SIZE = 624
        const val MIDDLE = 397

        fun folded(seed: ByteArray): Int {
            require(seed.size % 4 == 0) { "a seed of ${seed.size} bytes; expected a multiple of four" }
            var word = 0
            for (i in seed.indices) word = word xor ((seed[i].toInt() and 0xff) shl 8 * (i % 4))
            return word
        }
    }
}
