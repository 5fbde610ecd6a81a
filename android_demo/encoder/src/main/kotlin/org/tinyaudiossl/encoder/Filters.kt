package org.tinyaudiossl.encoder

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.log10
import kotlin.math.log2
import kotlin.math.sin
import kotlin.math.sqrt

/**
 * A filter that turns every [down] samples into [up], both whole numbers. An output depends on
 * [reach] samples on either side; [response] is the weight of a sample by its distance from the
 * output, in samples.
 */
internal class Filter(val up: Int, val down: Int, val reach: Double, val response: (Double) -> Double)

/**
 * The filters from one rate to another, one after the other: those of soxr's quality "HQ", as in
 * export/web/encoder/src/filters.ts.
 *
 * High rates are halved first. A low-pass filter then passes [PASSED] of the lower rate's Nyquist
 * frequency and stops everything above that frequency. Ratios of small numbers, such as 48 to
 * 16 kHz, need no other filter. For other ratios, such as 44.1 to 16 kHz, a short filter interpolates.
 */
internal fun filtersBetween(fromHz: Int, toHz: Int): List<Filter> {
    if (fromHz == toHz) return emptyList()
    val halvings = maxOf(0, log2(fromHz / 2.0 / toHz).toInt())
    val (up, down) = reduced(toHz shl halvings, fromHz)
    val simple = maxOf(up, down) < 5 || up * down < 6
    val errors = (halvings + 1) * if (simple) 1 else 2 // that add up, so that each must be as much smaller
    val halving = halvingFilter(if (errors > 3) HALVING_152_DB else HALVING_136_DB)
    return List(halvings) { halving } +
        if (simple) listOf(lowPass(up, down, maxOf(up, down).toDouble(), errors)) else interpolating(up, down, errors)
}

private const val PASSED = 0.9137437
private const val BEGIN_OF_ROLL_OFF = 0.125787 // of the transition from 1 to 0: where a filter is 0.01 dB down

/** Odd taps of half-band filters, by the Remez algorithm for a passband of an eighth of the rate. */
private val HALVING_136_DB = doubleArrayOf(
    0.31154657, -0.087345026, 0.036814586, -0.015189309, 0.0054541487, -0.0015644138, 0.00031817366, -0.000034800574,
)
private val HALVING_152_DB = doubleArrayOf(
    0.31227021, -0.089221161, 0.039139265, -0.017250172, 0.0068586834, -0.0023043697, 0.00060958525, -0.00011322441,
    0.000011195909,
)

private fun halvingFilter(odd: DoubleArray) = Filter(1, 2, reach = 2.0 * odd.size - 1) { distance ->
    val place = abs(distance).toInt()
    if (place == 0) 0.5 else if (place % 2 == 1) odd[place / 2] else 0.0
}

/**
 * A filter that stops what is above the Nyquist frequency of the lower rate, by 126.4 dB and more if
 * several [errors] add up. [narrowing]: [up] times the rate of the samples, divided by the lower rate.
 */
private fun lowPass(up: Int, down: Int, narrowing: Double, errors: Int): Filter {
    val more = 20 * log10(errors.toDouble()) // dB
    val transition = (1 - PASSED) / 2 / narrowing
    val multiple = if (up == 4) 8 else 4
    val taps = multiple * ceil((8.3025 + 0.071 * more) / transition / multiple) + 1
    val cutoff = up * (1 + PASSED) / 4 / narrowing
    return windowedSinc(up, down, cutoff, reach = taps / 2 / up, beta = 13.0403 + 0.1116 * more)
}

/** A low-pass filter, and one that interpolates: behind it, or before it for ratios from 1.5 to 2. */
private fun interpolating(up: Int, down: Int, errors: Int): List<Filter> {
    val ratio = down.toDouble() / up
    if (ratio > 1.5 && ratio < 2) {
        val (more, less) = reduced(2 * up, down)
        val before = interpolation(more, less, PASSED / ratio, 3 / ratio, even = false)
        return listOf(before, lowPass(1, 2, 2.0, errors))
    }
    val doubling = if (ratio <= 1.5) 2 else 1
    val narrowing = doubling * maxOf(1.0, ratio)
    val (more, less) = reduced(up, down * doubling)
    val behind = interpolation(more, less, PASSED / narrowing, 2 - (0.3 * PASSED + 0.7) / narrowing, even = ratio > 1)
    return listOf(lowPass(doubling, 1, narrowing, errors), behind)
}

/**
 * A filter that interpolates between samples. [pass] and [stop]: the edges of its bands, where 1 is the
 * Nyquist frequency of the samples. [even]: whether its number of taps must be even.
 */
private fun interpolation(up: Int, down: Int, pass: Double, stop: Double, even: Boolean): Filter {
    val transition = (stop - pass) / 2 / (1 - BEGIN_OF_ROLL_OFF)
    val phases = maxOf(up, 19)
    var taps = (ceil(8.9507 * phases / transition).toInt() + 1) / phases + 1
    if (even) taps += taps % 2
    val between = if (taps % 2 == 1 && up % 2 == 1) 2 * up else up
    return windowedSinc(up, down, (stop - transition) / 2, reach = taps / 2.0 - 0.25 / between, beta = 14.059)
}

/** A sinc of this [cutoff], in cycles per sample, under a Kaiser window. */
private fun windowedSinc(up: Int, down: Int, cutoff: Double, reach: Double, beta: Double): Filter {
    val scale = 2 * cutoff / bessel(beta)
    return Filter(up, down, reach) { distance ->
        val place = distance / reach
        val x = 2 * PI * cutoff * distance
        val sinc = if (x == 0.0) 1.0 else sin(x) / x
        if (abs(place) >= 1) 0.0 else scale * sinc * bessel(beta * sqrt(1 - place * place))
    }
}

/** The modified Bessel function of order zero, by its series. */
private fun bessel(x: Double): Double {
    var term = 1.0
    var sum = 1.0
    var k = 0
    while (term > 1e-17 * sum) {
        k++
        term *= (x / (2 * k)) * (x / (2 * k))
        sum += term
    }
    return sum
}

/** The fraction up / down in its lowest terms. */
private fun reduced(up: Int, down: Int): Pair<Int, Int> {
    val divisor = gcd(up, down)
    return up / divisor to down / divisor
}

private tailrec fun gcd(a: Int, b: Int): Int = if (b == 0) a else gcd(b, a % b)
