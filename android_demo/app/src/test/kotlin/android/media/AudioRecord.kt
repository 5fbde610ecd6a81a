package android.media

import java.util.concurrent.atomic.AtomicInteger
import kotlin.math.PI
import kotlin.math.sin

/** A device's microphone, for tests on a computer: it hears a tone, and has only some rates. */
@Suppress("UNUSED_PARAMETER")
class AudioRecord(source: Int, private val rate: Int, channel: Int, format: Int, bytes: Int) {
    private var position = 0

    init {
        inUse.incrementAndGet()
    }

    fun getState(): Int = if (rate in initialized) STATE_INITIALIZED else 0
    fun getSampleRate(): Int = rate
    fun startRecording() = check(rate in initialized)
    fun release() {
        inUse.decrementAndGet()
    }

    fun read(into: ShortArray, from: Int, count: Int): Int {
        Thread.sleep(1)
        if (position / rate >= endS) return ERROR_DEAD_OBJECT
        for (i in 0 until count) {
            into[from + i] = (16_384 * sin(2 * PI * TONE_HZ * (position + i) / rate)).toInt().toShort()
        }
        position += count
        return count
    }

    companion object {
        const val STATE_INITIALIZED = 1
        const val ERROR_DEAD_OBJECT = -6
        const val TONE_HZ = 440.0

        var accepted = setOf<Int>() // rates that have a buffer size
        var initialized = setOf<Int>() // and of these, what can be opened
        var endS = Int.MAX_VALUE // then it is taken away
        val inUse = AtomicInteger()

        @JvmStatic
        fun getMinBufferSize(rate: Int, channel: Int, format: Int): Int = if (rate in accepted) 640 else -2
    }
}
