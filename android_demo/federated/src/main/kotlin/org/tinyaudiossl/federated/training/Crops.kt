package org.tinyaudiossl.federated.training

/**
 * The random crops of a step: every recording once in an epoch, or once for each ten seconds, in a
 * new order each time. The rule is that of `CounterBatches` in tiny_audio_ssl/data/counter.py.
 */
internal class Crops(
    private val recordings: Recordings,
    private val cropSamples: Int,
    private val batchSize: Int,
    private val seed: Long,
    private val client: Long,
) {
    private val entries: IntArray = (0 until recordings.count)
        .flatMap { index -> List(segments(recordings.samples(index))) { index } }
        .toIntArray()
    private var epoch = -1L
    private var order = entries

    /** Return the clips of step 0, 1, ... of the run: `[batch, samples]`. */
    fun read(step: Int): FloatArray {
        val clips = FloatArray(batchSize * cropSamples)
        for (row in 0 until batchSize) {
            val index = entry(step.toLong() * batchSize + row)
            val room = recordings.samples(index) - cropSamples
            val start = CounterRandom.integer(room, seed, client, CounterRandom.CROP, step.toLong(), row.toLong())
            recordings.read(index, start, cropSamples, clips, row * cropSamples)
        }
        return clips
    }

    private fun entry(position: Long): Int {
        val wanted = position / entries.size
        if (epoch != wanted) {
            epoch = wanted
            order = shuffled(wanted)
        }
        return order[(position % entries.size).toInt()]
    }

    private fun shuffled(epoch: Long): IntArray {
        val found = entries.copyOf()
        for (last in found.size - 1 downTo 1) {
            val other = CounterRandom.integer(last, seed, client, CounterRandom.ORDER, epoch, last.toLong())
            found[last] = found[other].also { found[other] = found[last] }
        }
        return found
    }

    private fun segments(samples: Int): Int = maxOf(1, (samples + SEGMENT_SAMPLES - 1) / SEGMENT_SAMPLES)

    private companion object {
        const val SEGMENT_SAMPLES = 160_000
    }
}
