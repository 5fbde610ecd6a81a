package org.tinyaudiossl.encoder

import kotlin.math.sqrt

/** Root mean square of the first [count] samples, 0..1. */
fun rms(pcm: FloatArray, count: Int = pcm.size): Float {
    var sum = 0.0
    for (i in 0 until count) sum += pcm[i].toDouble() * pcm[i]
    return if (count == 0) 0f else sqrt(sum / count).toFloat()
}

/**
 * One example of a sound, while a button is held: the mean of the embeddings heard meanwhile, of
 * which those at less than half the loudest level are left out, since they are of what was around.
 */
class Teaching {
    private val heard = ArrayList<Pair<FloatArray, Float>>()

    fun add(embedding: FloatArray, level: Float) {
        heard += embedding to level
    }

    /** Null if nothing was heard. */
    fun example(): FloatArray? {
        val loudest = heard.maxOfOrNull { it.second } ?: return null
        val kept = heard.filter { it.second >= loudest / 2 }.map { it.first }
        return FloatArray(kept.first().size) { i -> kept.sumOf { it[i].toDouble() }.toFloat() / kept.size }
    }
}
