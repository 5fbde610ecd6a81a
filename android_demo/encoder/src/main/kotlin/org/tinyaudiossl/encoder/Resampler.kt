package org.tinyaudiossl.encoder

import kotlin.math.ceil

/**
 * From [fromHz] to [toHz], for microphones that don't have 16 kHz, as Python does it (soxr's quality
 * "HQ"): samples are within 1e-5 of Python's for rates from 4 kHz, from the first one on. Packets may
 * have any size; the filters' delay is taken off, so that the n-th sample is of the time n / [toHz].
 */
class Resampler(val fromHz: Int, val toHz: Int) {
    private val stages = filtersBetween(fromHz, toHz).map(::Stage)

    /** The first [count] samples of [pcm]; returns those of the new rate that are certain by now. */
    fun push(pcm: FloatArray, count: Int = pcm.size): FloatArray =
        stages.fold(pcm.copyOf(count)) { sound, stage -> stage.push(sound) }
}

/** Applies a filter to a sound that comes in packets of any size. */
private class Stage(private val filter: Filter) {
    private val half = ceil(filter.reach).toInt() // taps on either side of the middle one
    private val kernels = HashMap<Int, FloatArray>() // by phase
    private var waiting = FloatArray(half) // begins with silence, as before the first sample
    private var phase = 0

    fun push(pcm: FloatArray): FloatArray {
        val input = waiting + pcm
        val found = FloatArray((input.size.toLong() * filter.up / filter.down).toInt() + 2)
        var first = 0
        var count = 0
        while (first + 2 * half < input.size) {
            found[count++] = product(input, first, kernels.getOrPut(phase, ::kernel))
            phase += filter.down
            first += phase / filter.up
            phase %= filter.up
        }
        waiting = input.copyOfRange(first, input.size)
        return found.copyOf(count)
    }

    /** The weights of the samples from `first` on, for an output `phase / up` behind the middle one. */
    private fun kernel(): FloatArray {
        val place = half + phase.toDouble() / filter.up
        return FloatArray(2 * half + 1) { filter.response(it - place).toFloat() }
    }

    private fun product(input: FloatArray, first: Int, kernel: FloatArray): Float {
        var sum = 0.0
        for (i in kernel.indices) sum += input[first + i] * kernel[i]
        return sum.toFloat()
    }
}
