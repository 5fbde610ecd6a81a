package org.tinyaudiossl.demo.federation

import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor
import org.pytorch.executorch.training.SGD
import org.pytorch.executorch.training.TrainingModule
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.EngineException
import org.tinyaudiossl.federated.training.Shape
import org.tinyaudiossl.federated.training.TrainingEngine

/**
 * ExecuTorch's own classes for Android. The parameters are the training program's own memory, which
 * these classes let an optimizer alone write to: plain SGD at a learning rate of 1 subtracts what
 * they have too much.
 */
class TrainingModuleEngine(private val folder: DeviceFolder) : TrainingEngine {
    private val clipShape = longArrayOf(folder.layout.batchSize.toLong(), folder.cropSamples.toLong())
    private val frontend: Module = guarded { Module.load(folder.frontend.path) }
    private val training: TrainingModule = guarded { TrainingModule.load(folder.training.path) }

    init {
        // The program shows its parameters after a first run.
        guarded { run(folder.inputs.map { FloatArray(it.size) }) }
        val known = guarded { training.namedParameters(METHOD) }.keys
        val wanted = folder.parameters.map { it.name }.toSet()
        if (known != wanted) throw EngineException("the artifact's parameters are not those of the device's folder")
    }

    override fun logMel(clips: FloatArray): FloatArray =
        guarded { frontend.forward(EValue.from(Tensor.fromBlob(clips, clipShape)))[0].toTensor().dataAsFloatArray }

    override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float = guarded {
        setWeights(weights)
        val loss = run(inputs)
        val found = training.namedGradients(METHOD)
        eachParameter { parameter, at -> values(found, parameter).copyInto(gradients, at) }
        loss
    }

    override fun close() {
        frontend.destroy()
        training.close()
    }

    private fun run(inputs: List<FloatArray>): Float {
        val values = Array(inputs.size) { EValue.from(tensor(inputs[it], folder.inputs[it])) }
        return training.executeForwardBackward(METHOD, *values)[0].toTensor().dataAsFloatArray[0]
    }

    /** One subtraction is exact but for its last bit, which the next one sets right. */
    private fun setWeights(weights: FloatArray) {
        repeat(MOST_SUBTRACTIONS) {
            val current = training.namedParameters(METHOD)
            val excess = HashMap<String, Tensor>()
            var isSet = true
            eachParameter { parameter, at ->
                val values = values(current, parameter)
                for (i in values.indices) {
                    values[i] -= weights[at + i]
                    isSet = isSet && values[i] == 0f
                }
                excess[parameter.name] = tensor(values, parameter)
            }
            if (isSet) return
            SGD.create(current, 1.0).step(excess)
        }
        throw EngineException("ExecuTorch does not keep the weights that it is given")
    }

    private inline fun eachParameter(body: (parameter: Shape, at: Int) -> Unit) {
        var at = 0
        for (parameter in folder.parameters) {
            body(parameter, at)
            at += parameter.size
        }
    }

    private fun values(of: Map<String, Tensor>, parameter: Shape): FloatArray {
        val values = of.getValue(parameter.name).dataAsFloatArray
        if (values.size == parameter.size) return values
        throw EngineException("${parameter.name} has ${values.size} numbers; the device's folder says ${parameter.size}")
    }

    private fun tensor(values: FloatArray, shape: Shape): Tensor = Tensor.fromBlob(values, shape.lengths.toLongArray())

    private fun <T> guarded(call: () -> T): T = try {
        call()
    } catch (error: EngineException) {
        throw error
    } catch (error: LinkageError) {
        throw EngineException("this app was built without ExecuTorch", error)
    } catch (error: Exception) { // ExecuTorch throws a plain one
        throw EngineException("ExecuTorch: ${error.message}", error)
    }

    private companion object {
        const val METHOD = "forward"
        const val MOST_SUBTRACTIONS = 4
    }
}
