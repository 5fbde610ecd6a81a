package org.tinyaudiossl.demo.drawing

import kotlin.math.abs
import kotlin.math.log10

/**
 * The last levels and embeddings, as they are shown. An embedding is a column of [BINS] numbers,
 * means of neighboring dimensions, each against its own mean and deviation so far, -1..1.
 * One thread adds while another draws.
 */
class History {
    private val levels = ArrayDeque<Float>()
    private val columns = ArrayDeque<FloatArray>()
    private val mean = FloatArray(BINS)
    private val deviation = FloatArray(BINS)
    private var count = 0

    /** Root mean square, 0..1; shown from -60 dB of full scale up. */
    @Synchronized
    fun addLevel(rms: Float) {
        val db = 20 * log10(maxOf(rms, 1e-6f))
        levels.addLimited((1 + db / 60).coerceIn(0f, 1f))
    }

    @Synchronized
    fun addEmbedding(vector: FloatArray) {
        val bins = FloatArray(BINS) { bin ->
            mean(vector, bin * vector.size / BINS, (bin + 1) * vector.size / BINS)
        }
        count++
        val share = maxOf(1f / count, 1f / MEMORY)
        for (i in bins.indices) {
            mean[i] += share * (bins[i] - mean[i])
            deviation[i] += share * (abs(bins[i] - mean[i]) - deviation[i])
        }
        columns.addLimited(
            FloatArray(BINS) { ((bins[it] - mean[it]) / (3 * deviation[it] + 1e-6f)).coerceIn(-1f, 1f) },
        )
    }

    /** Oldest first. */
    @Synchronized
    fun levels(): List<Float> = levels.toList()

    @Synchronized
    fun columns(): List<FloatArray> = columns.toList()

    private fun <T> ArrayDeque<T>.addLimited(value: T) {
        if (size == LENGTH) removeFirst()
        addLast(value)
    }

    private fun mean(vector: FloatArray, from: Int, to: Int): Float {
        if (to <= from) return 0f
        var sum = 0f
        for (i in from until to) sum += vector[i]
        return sum / (to - from)
    }

    companion object {
        const val BINS = 48
        const val LENGTH = 64
        private const val MEMORY = 200
    }
}
