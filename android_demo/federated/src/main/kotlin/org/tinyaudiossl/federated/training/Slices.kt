package org.tinyaudiossl.federated.training

import kotlin.math.abs
import org.tinyaudiossl.federated.device.RunRefusedException

/**
 * The random slices of a step, cut from log-mels `[batch, 1, bands, frames]` by the rules of
 * tiny_audio_ssl/pretext/tasks, with integers that a counter gives.
 *
 * @throws RunRefusedException no such task is known here.
 */
internal class Slices(private val layout: SliceLayout) {
    init {
        if (layout.task !in TASKS) {
            throw RunRefusedException("task ${layout.task} is unknown here; known are ${TASKS.joinToString()}")
        }
    }

    /** Return the task's inputs by name; [key] begins the numbers of every integer that is drawn. */
    fun draw(logMels: FloatArray, key: LongArray): Map<String, FloatArray> = when (layout.task) {
        "temporal-gap" -> temporalGap(logMels, key)
        "cola" -> {
            val (anchor, positive) = pairs(key)
            mapOf("anchor" to cut(logMels, anchor), "positive" to cut(logMels, positive))
        }
        else -> audio2vec(logMels, key)
    }

    private fun temporalGap(logMels: FloatArray, key: LongArray): Map<String, FloatArray> {
        val longest = layout.clipFrames - layout.sliceFrames
        val (first, second) = pairs(key)
        return mapOf(
            "first" to cut(logMels, first),
            "second" to cut(logMels, second),
            "gap" to FloatArray(layout.batchSize) { abs(first[it] - second[it]) / longest.toFloat() },
        )
    }

    /** Return the first frames of both slices of each clip. */
    private fun pairs(key: LongArray): Pair<IntArray, IntArray> {
        val drawn = integers(layout.clipFrames - layout.sliceFrames, 2 * layout.batchSize, key)
        return drawn.copyOf(layout.batchSize) to drawn.copyOfRange(layout.batchSize, drawn.size)
    }

    private fun audio2vec(logMels: FloatArray, key: LongArray): Map<String, FloatArray> {
        val reach = 2 * layout.context * layout.strideFrames + layout.sliceFrames
        val starts = integers(layout.clipFrames - reach, layout.batchSize, key)
        val around = (0..2 * layout.context) - layout.context
        val context = FloatArray(around.size * layout.batchSize * layout.bands * layout.sliceFrames)
        around.forEachIndexed { place, k -> cut(logMels, shifted(starts, k), context, place, around.size) }
        return mapOf("middle" to cut(logMels, shifted(starts, layout.context)), "context" to context)
    }

    private fun shifted(starts: IntArray, slices: Int): IntArray =
        IntArray(starts.size) { starts[it] + slices * layout.strideFrames }

    private fun integers(largest: Int, count: Int, key: LongArray): IntArray =
        IntArray(count) { CounterRandom.integer(largest, *key, it.toLong()) }

    private fun cut(logMels: FloatArray, starts: IntArray): FloatArray =
        FloatArray(layout.batchSize * layout.bands * layout.sliceFrames).also { cut(logMels, starts, it, 0, 1) }

    /** Copy a slice of each clip, as channel [place] of [channels] of [into] `[batch, channels, bands, frames]`. */
    private fun cut(logMels: FloatArray, starts: IntArray, into: FloatArray, place: Int, channels: Int) {
        for (row in starts.indices) {
            for (band in 0 until layout.bands) {
                val from = (row * layout.bands + band) * layout.clipFrames + starts[row]
                val to = ((row * channels + place) * layout.bands + band) * layout.sliceFrames
                logMels.copyInto(into, to, from, from + layout.sliceFrames)
            }
        }
    }

    private companion object {
        val TASKS = listOf("temporal-gap", "audio2vec-cbow", "audio2vec-skipgram", "cola")
    }
}
