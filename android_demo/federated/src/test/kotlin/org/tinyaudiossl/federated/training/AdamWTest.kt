package org.tinyaudiossl.federated.training

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sqrt
import kotlin.test.Test
import kotlin.test.assertEquals

class AdamWTest {
    private val settings = OptimizerSettings(10, 0.1, warmupSteps = 4, weightDecay = 0.5, gradientClip = 1.0)

    @Test
    fun theRateRisesAndFallsAsACosine() {
        val found = (0 until 10).map(settings::learningRateOf)
        val rising = listOf(0.025, 0.05, 0.075, 0.1)
        val falling = (0 until 6).map { 0.1 * (1 + cos(PI * it / 6)) / 2 }
        (rising + falling).zip(found).forEach { (expected, one) -> assertEquals(expected, one, 1e-12) }
    }

    /** Algorithm 2 of arXiv 1711.05101 in double precision, with the gradient's norm clipped. */
    @Test
    fun threeStepsAreThoseOfThePaper() {
        val weights = floatArrayOf(1f, -2f, 3f)
        val optimizer = AdamW(listOf(Shape("kernel", listOf(1, 2)), Shape("bias", listOf(1))), settings)
        val expected = doubleArrayOf(1.0, -2.0, 3.0)
        val mean = DoubleArray(3)
        val square = DoubleArray(3)
        for (step in 0 until 3) {
            val gradient = DoubleArray(3) { (it + 1.0) * (step - 1.5) }
            val norm = sqrt(gradient.sumOf { it * it })
            val rate = 0.1 * (step + 1) / 4
            for (i in 0 until 3) {
                val g = if (norm > 1) gradient[i] / norm else gradient[i]
                if (i < 2) expected[i] -= rate * 0.5 * expected[i]
                mean[i] = 0.9 * mean[i] + 0.1 * g
                square[i] = 0.999 * square[i] + 0.001 * g * g
                val corrected = mean[i] / (1 - Math.pow(0.9, step + 1.0))
                expected[i] -= rate * corrected / (sqrt(square[i] / (1 - Math.pow(0.999, step + 1.0))) + 1e-8)
            }
            optimizer.step(weights, FloatArray(3) { gradient[it].toFloat() }, step)
        }
        for (i in 0 until 3) assertEquals(expected[i], weights[i].toDouble(), 1e-5)
    }
}
