package org.tinyaudiossl.encoder

/**
 * Cuts sound that comes in packets of any size into windows of [windowSamples], one every
 * [hopSamples], the first when as many samples have come. A ring buffer: no sample is kept twice.
 */
class Framer(val windowSamples: Int, val hopSamples: Int) {
    private val ring = FloatArray(windowSamples)
    private val window = FloatArray(windowSamples)
    private var head = 0 // where the next sample goes, and the oldest one is
    private var missing = windowSamples

    /** Samples that came since the last [reset]. */
    var heardSamples = 0L
        private set

    init {
        require(windowSamples > 0 && hopSamples > 0) { "window $windowSamples, hop $hopSamples" }
    }

    /**
     * Takes the first [count] samples of [pcm].
     *
     * [onWindow] gets a window and the number of its last sample + 1, counted from the start; the
     * array is overwritten by the next window.
     */
    fun push(pcm: FloatArray, count: Int = pcm.size, onWindow: (FloatArray, Long) -> Unit) {
        require(count in 0..pcm.size) { "$count of ${pcm.size} samples" }
        var taken = 0
        while (taken < count) {
            val n = minOf(count - taken, missing, windowSamples - head)
            pcm.copyInto(ring, head, taken, taken + n)
            head = (head + n) % windowSamples
            taken += n
            missing -= n
            heardSamples += n
            if (missing == 0) {
                missing = hopSamples
                ring.copyInto(window, 0, head, windowSamples)
                ring.copyInto(window, windowSamples - head, 0, head)
                onWindow(window, heardSamples)
            }
        }
    }

    fun reset() {
        head = 0
        missing = windowSamples
        heardSamples = 0
    }
}
