package org.tinyaudiossl.encoder

import kotlin.math.PI
import kotlin.math.ceil
import kotlin.math.cos
import kotlin.math.sin

/**
 * From [fromHz] to [toHz], for microphones that have no 16 kHz: a polyphase filter, a sinc under a
 * Hann window over [ZERO_CROSSINGS] on either side. Packets of any size; the delay of its half
 * width is taken off, so that the n-th sample is of the time n / [toHz].
 */
class Resampler(val fromHz: Int, val toHz: Int) {
    private val divisor = gcd(fromHz, toHz)
    private val up = toHz / divisor
    private val down = fromHz / divisor
    private val cutoff = minOf(1.0, toHz.toDouble() / fromHz) * ROLL_OFF // of the input's Nyquist
    private val half = ceil(ZERO_CROSSINGS / cutoff).toInt()
    private val kernels = Array(up) { phase -> kernel(phase.toDouble() / up) }

    private var waiting = FloatArray(half) // begins with silence, as before the first sample
    private var phase = 0

    /** The first [count] samples of [pcm]; gives what can be told by now. */
    fun push(pcm: FloatArray, count: Int = pcm.size): FloatArray {
        val input = waiting + pcm.copyOf(count)
        val found = ArrayList<Float>(count * up / down + 1)
        var first = 0
        while (first + 2 * half < input.size) {
            found += product(input, first, kernels[phase])
            phase += down
            first += phase / up
            phase %= up
        }
        waiting = input.copyOfRange(first, input.size)
        return found.toFloatArray()
    }

    private fun product(input: FloatArray, first: Int, kernel: FloatArray): Float {
        var sum = 0f
        for (i in kernel.indices) sum += input[first + i] * kernel[i]
        return sum
    }

    /** For a time that lies [fraction] of a sample behind the middle tap; sums to one. */
    private fun kernel(fraction: Double): FloatArray {
        val taps = DoubleArray(2 * half + 1) { tap ->
            val t = tap - half - fraction
            val x = PI * t * cutoff
            val window = 0.5 + 0.5 * cos(PI * (t / (half + 1)).coerceIn(-1.0, 1.0))
            window * if (x == 0.0) 1.0 else sin(x) / x
        }
        val sum = taps.sum()
        return FloatArray(taps.size) { (taps[it] / sum).toFloat() }
    }

    private companion object {
        const val ZERO_CROSSINGS = 16
        const val ROLL_OFF = 0.94

        tailrec fun gcd(a: Int, b: Int): Int = if (b == 0) a else gcd(b, a % b)
    }
}
