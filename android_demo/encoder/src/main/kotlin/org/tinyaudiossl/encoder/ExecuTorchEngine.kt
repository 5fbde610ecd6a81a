package org.tinyaudiossl.encoder

import java.io.File
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor as EtTensor

class ExecuTorchEngine(artifact: File, threads: Int = 1) : InferenceEngine {
    private val module = refusals(artifact.name) {
        Module.load(artifact.path, Module.LOAD_MODE_MMAP, threads).also { it.loadMethod(METHOD) }
    }

    override val runtime = InferenceEngine.EXECUTORCH
    override val runtimeVersion = "unknown" // its Java interface does not tell
    override val inputShapes: List<List<Long>>? = null // nor this

    override fun run(inputs: List<Tensor>): List<FloatArray> = refusals("run") {
        val values = inputs.map { EValue.from(EtTensor.fromBlob(it.data, it.shape.toLongArray())) }
        module.forward(*values.toTypedArray()).map { it.toTensor().dataAsFloatArray }
    }

    override fun close() = module.destroy()

    private inline fun <T> refusals(what: String, body: () -> T): T = try {
        body()
    } catch (error: RuntimeException) { // ExecutorchRuntimeException is one
        throw EngineException("ExecuTorch: $what: ${error.message}", error)
    }

    private companion object {
        const val METHOD = "forward"
    }
}
