package org.pytorch.executorch.training

import org.pytorch.executorch.EValue
import org.pytorch.executorch.Tensor
import org.pytorch.executorch.engine
import org.pytorch.executorch.folder
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.TrainingEngine

/** A training program for tests on a computer; parameters come in another order than any file's. */
class TrainingModule internal constructor(private val program: Program) : AutoCloseable {
    private var hasRun = false

    fun executeForwardBackward(method: String, vararg inputs: EValue): Array<EValue> {
        hasRun = true
        val loss = program.run(inputs.map { it.toTensor().memory })
        return arrayOf(EValue(Tensor(floatArrayOf(loss), LongArray(0))))
    }

    fun namedParameters(method: String): Map<String, Tensor> {
        check(hasRun) { "Getting named parameters failed" }
        return program.parameters
    }

    fun namedGradients(method: String): Map<String, Tensor> = program.gradients()

    override fun close() = program.close()

    companion object {
        @JvmStatic
        fun load(path: String): TrainingModule {
            val folder = folder(path)
            return TrainingModule(engine(folder)?.let { NativeProgram(folder, it) } ?: MadeUpProgram())
        }
    }
}

internal interface Program : AutoCloseable {
    val parameters: Map<String, Tensor>
    fun run(inputs: List<FloatArray>): Float
    fun gradients(): Map<String, Tensor>
}

/** Two parameters; the gradient of a parameter is its double. */
private class MadeUpProgram : Program {
    override val parameters = mapOf(
        "bias" to Tensor(FloatArray(3) { 1e6f + it }, longArrayOf(3)),
        "weight" to Tensor(FloatArray(4) { -0.1f * it }, longArrayOf(2, 2)),
    )

    override fun run(inputs: List<FloatArray>) = inputs.sumOf { it.sum().toDouble() }.toFloat()

    override fun gradients(): Map<String, Tensor> =
        parameters.mapValues { (_, one) -> Tensor(FloatArray(one.memory.size) { 2 * one.memory[it] }, one.shape()) }

    override fun close() = Unit
}

/** The program of a device's folder, which another runtime runs. */
private class NativeProgram(private val folder: DeviceFolder, private val engine: TrainingEngine) : Program {
    private val gradients = FloatArray(folder.weightCount)
    override val parameters =
        folder.parameters.reversed().associate { it.name to Tensor(FloatArray(it.size), it.lengths.toLongArray()) }

    override fun run(inputs: List<FloatArray>): Float {
        val weights = folder.parameters.flatMap { parameters.getValue(it.name).memory.asList() }.toFloatArray()
        return engine.gradients(weights, inputs, gradients)
    }

    override fun gradients(): Map<String, Tensor> {
        var at = 0
        return folder.parameters.associate {
            val values = gradients.copyOfRange(at, at + it.size)
            at += it.size
            it.name to Tensor(values, it.lengths.toLongArray())
        }
    }

    override fun close() = engine.close()
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
