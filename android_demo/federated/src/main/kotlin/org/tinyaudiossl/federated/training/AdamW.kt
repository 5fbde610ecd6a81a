package org.tinyaudiossl.federated.training

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.pow
import kotlin.math.sqrt

/** A run's settings of the optimizer; steps are those of the whole run. */
data class OptimizerSettings(
    val steps: Int,
    val learningRate: Double,
    val warmupSteps: Int,
    val weightDecay: Double,
    val gradientClip: Double,
) {
    /** Return the learning rate of step 0, 1, ...: a linear rise, then half a cosine to zero. */
    fun learningRateOf(step: Int): Double {
        val warmup = minOf(warmupSteps, steps / 2)
        if (step < warmup) return learningRate * (step + 1) / warmup
        val done = (step - warmup).toDouble() / maxOf(1, steps - warmup)
        return learningRate * (1 + cos(PI * done)) / 2
    }
}

/**
 * AdamW as PyTorch computes it (Loshchilov and Hutter 2019, arXiv 1711.05101), with the moments of
 * one round. Matrices and kernels decay; biases and normalization, of one dimension, do not.
 */
internal class AdamW(parameters: List<Shape>, private val settings: OptimizerSettings) {
    private val decays = BooleanArray(parameters.sumOf { it.size }).also { flags ->
        var at = 0
        for (one in parameters) {
            if (one.lengths.size > 1) flags.fill(true, at, at + one.size)
            at += one.size
        }
    }
    private val mean = FloatArray(decays.size)
    private val square = FloatArray(decays.size)
    private var taken = 0

    /** Change [weights] by one step, which is number [step] of the run, and clip [gradients] in place. */
    fun step(weights: FloatArray, gradients: FloatArray, step: Int) {
        clip(gradients)
        taken++
        val rate = settings.learningRateOf(step)
        val kept = (1 - rate * settings.weightDecay).toFloat()
        val size = (-rate / (1 - BETA_1.pow(taken))).toFloat()
        val root = sqrt(1 - BETA_2.pow(taken)).toFloat()
        for (i in weights.indices) {
            val gradient = gradients[i]
            if (decays[i]) weights[i] *= kept
            mean[i] += (1 - BETA_1).toFloat() * (gradient - mean[i])
            square[i] = square[i] * BETA_2.toFloat() + (1 - BETA_2).toFloat() * gradient * gradient
            weights[i] += size * mean[i] / (sqrt(square[i]) / root + EPSILON)
        }
    }

    private fun clip(gradients: FloatArray) {
        val norm = sqrt(gradients.sumOf { it.toDouble() * it })
        val factor = (settings.gradientClip / (norm + 1e-6)).toFloat()
        if (factor < 1) for (i in gradients.indices) gradients[i] *= factor
    }

    private companion object {
        const val BETA_1 = 0.9
        const val BETA_2 = 0.999
        const val EPSILON = 1e-8f
    }
}
