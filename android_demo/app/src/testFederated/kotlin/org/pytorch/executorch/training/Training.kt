package org.pytorch.executorch.training

import org.pytorch.executorch.EValue
import org.pytorch.executorch.Tensor

/** Two parameters, in another order than any file's; the gradient of a parameter is its double. */
class TrainingModule : AutoCloseable {
    private val parameters = mapOf(
        "bias" to Tensor(FloatArray(3) { 1e6f + it }, longArrayOf(3)),
        "weight" to Tensor(FloatArray(4) { -0.1f * it }, longArrayOf(2, 2)),
    )
    private var hasRun = false

    fun executeForwardBackward(method: String, vararg inputs: EValue): Array<EValue> {
        hasRun = true
        val loss = inputs.sumOf { it.toTensor().memory.sum().toDouble() }.toFloat()
        return arrayOf(EValue(Tensor(floatArrayOf(loss), LongArray(0))))
    }

    fun namedParameters(method: String): Map<String, Tensor> {
        check(hasRun) { "Getting named parameters failed" }
        return parameters
    }

    fun namedGradients(method: String): Map<String, Tensor> =
        parameters.mapValues { (_, one) -> Tensor(FloatArray(one.memory.size) { 2 * one.memory[it] }, one.shape()) }

    override fun close() = Unit

    companion object {
        @JvmStatic
        fun load(path: String) = TrainingModule()
    }
}

class SGD private constructor(private val parameters: Map<String, Tensor>, private val rate: Float) {
    fun step(gradients: Map<String, Tensor>) {
        for ((name, gradient) in gradients) {
            val values = parameters.getValue(name).memory
            for (i in values.indices) values[i] -= rate * gradient.memory[i]
        }
    }

    companion object {
        @JvmStatic
        fun create(parameters: Map<String, Tensor>, rate: Double) = SGD(parameters, rate.toFloat())
    }
}
