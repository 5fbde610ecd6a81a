package org.tinyaudiossl.federated.secagg

import kotlin.math.ceil
import kotlin.math.round

/**
 * Turn a weighted update into whole numbers from 0 to [targetRange], rounded up or down at random so
 * that the mean is right; in float32, step by step as flwr's `quantize`.
 *
 * @param uniform draws from 0 (included) to 1.
 */
internal class Quantizer(
    private val clippingRange: Double,
    private val targetRange: Long,
    private val uniform: () -> Double,
) {
    /** Return the weight of an update as a whole number: [targetRange] for [weight] of [maxWeight]. */
    fun factor(weight: Long, maxWeight: Double): Long = round(weight / maxWeight * targetRange).toLong()

    /** Return [update] times [factor] / [targetRange], as whole numbers. */
    fun quantized(update: FloatArray, factor: Long): LongArray {
        val ratio = (factor.toDouble() / targetRange).toFloat()
        val range = clippingRange.toFloat()
        val steps = (targetRange / (2 * clippingRange)).toFloat()
        return LongArray(update.size) { i ->
            val exact = ((update[i] * ratio).coerceIn(-range, range) + range) * steps
            val above = ceil(exact).toLong()
            if (uniform() < above - exact.toDouble()) above - 1 else above
        }
    }
}
