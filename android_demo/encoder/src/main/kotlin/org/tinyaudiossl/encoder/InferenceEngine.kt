package org.tinyaudiossl.encoder

import java.io.File

/** Float32 numbers in row-major order. */
class Tensor(val shape: List<Long>, val data: FloatArray) {
    init {
        val size = shape.fold(1L, Long::times)
        require(size == data.size.toLong()) { "${data.size} numbers for the shape $shape" }
    }

    companion object {
        fun zeros(shape: List<Long>) = Tensor(shape, FloatArray(shape.fold(1L, Long::times).toInt()))
    }
}

/** A runtime that this app lacks, or an artifact that it does not take. The message is for users. */
class EngineException(message: String, cause: Throwable? = null) : Exception(message, cause)

/** One artifact, loaded. One thread at a time. */
interface InferenceEngine : AutoCloseable {
    /** "onnxruntime" or "executorch". */
    val runtime: String
    val runtimeVersion: String

    /** Of the inputs, -1 for a free length; null where the runtime does not tell. */
    val inputShapes: List<List<Long>>?

    /**
     * Inputs and outputs in the artifact's order.
     * @throws EngineException the runtime refuses these inputs.
     */
    fun run(inputs: List<Tensor>): List<FloatArray>

    companion object {
        const val ONNX_RUNTIME = "onnxruntime"
        const val EXECUTORCH = "executorch"

        /**
         * Loads [artifact]; [threads] for one run.
         * @throws EngineException the runtime is not in this app, or does not take the file.
         */
        fun open(runtime: String, artifact: File, threads: Int = 1): InferenceEngine = try {
            when (runtime) {
                ONNX_RUNTIME -> OnnxRuntimeEngine(artifact, threads)
                EXECUTORCH -> ExecuTorchEngine(artifact, threads)
                else -> throw EngineException("$runtime: expected $ONNX_RUNTIME or $EXECUTORCH")
            }
        } catch (error: LinkageError) { // its classes or its native library
            throw EngineException("this app was built without $runtime", error)
        }
    }
}
