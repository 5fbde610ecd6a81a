package org.tinyaudiossl.encoder

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import ai.onnxruntime.TensorInfo
import java.io.File
import java.nio.FloatBuffer

class OnnxRuntimeEngine(artifact: File, threads: Int = 1) : InferenceEngine {
    private val environment = OrtEnvironment.getEnvironment()
    private val session = refusals(artifact.name) {
        OrtSession.SessionOptions().use { options ->
            options.setIntraOpNumThreads(threads)
            environment.createSession(artifact.path, options)
        }
    }
    private val names = session.inputNames.toList()

    override val runtime = InferenceEngine.ONNX_RUNTIME
    override val runtimeVersion: String = environment.version
    override val inputShapes: List<List<Long>> =
        session.inputInfo.values.map { (it.info as TensorInfo).shape.toList() }

    override fun run(inputs: List<Tensor>): List<FloatArray> = refusals("run") {
        val given = LinkedHashMap<String, OnnxTensor>()
        try {
            for ((name, tensor) in names.zip(inputs)) given[name] = tensor.toOnnx()
            session.run(given).use { outputs -> outputs.map { (it.value as OnnxTensor).numbers() } }
        } finally {
            given.values.forEach { it.close() }
        }
    }

    override fun close() = session.close()

    private fun Tensor.toOnnx() =
        OnnxTensor.createTensor(environment, FloatBuffer.wrap(data), shape.toLongArray())

    private fun OnnxTensor.numbers(): FloatArray =
        floatBuffer.let { buffer -> FloatArray(buffer.remaining()).also { buffer.get(it) } }

    private inline fun <T> refusals(what: String, body: () -> T): T = try {
        body()
    } catch (error: OrtException) {
        throw EngineException("ONNX Runtime: $what: ${error.message}", error)
    }
}
