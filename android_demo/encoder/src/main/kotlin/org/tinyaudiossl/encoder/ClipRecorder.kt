package org.tinyaudiossl.encoder

/** Keeps [clipS] seconds of what is heard, every [everyS] seconds, unless it was as good as silent. */
class ClipRecorder(
    private val store: ClipStore,
    private val sampleRateHz: Int,
    clipS: Int = 3,
    everyS: Int = 30,
) {
    private val framer = Framer(clipS * sampleRateHz, everyS * sampleRateHz)

    /** How many clips it has kept. */
    @Volatile
    var kept = 0
        private set

    /** The first [count] samples of [pcm]. */
    fun push(pcm: FloatArray, count: Int = pcm.size) = framer.push(pcm, count) { clip, _ ->
        if (rms(clip) >= SILENCE) {
            store.keep(clip, sampleRateHz)
            kept++
        }
    }

    /** What was heard until now is in no clip. */
    fun reset() = framer.reset()

    private companion object {
        const val SILENCE = 0.001f // -60 dB of full scale
    }
}
