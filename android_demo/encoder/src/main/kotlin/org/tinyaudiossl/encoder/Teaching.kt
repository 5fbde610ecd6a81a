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

/**
 * What is heard now: the mean of the embeddings of the last [moments], each weighted by its level,
 * since quiet ones are of what is around. A single embedding changes from one moment to the next.
 */
class Present(private val moments: Int) {
    private val heard = ArrayDeque<Pair<FloatArray, Float>>()

    /** The mean, with [embedding] as its newest moment. */
    fun add(embedding: FloatArray, level: Float): FloatArray {
        heard.addLast(embedding to maxOf(level, SILENCE))
        if (heard.size > moments) heard.removeFirst()
        val total = heard.sumOf { it.second.toDouble() }
        return FloatArray(embedding.size) { i -> (heard.sumOf { (it.first[i] * it.second).toDouble() } / total).toFloat() }
    }

    /** Forget all: what comes next is another sound. */
    fun reset() = heard.clear()

    private companion object {
        const val SILENCE = 1e-6f // keeps the weights of digital silence above zero
    }
}
