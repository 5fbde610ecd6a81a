package org.tinyaudiossl.federated.training

import java.io.File

/**
 * ExecuTorch's C++ runtime behind JNI: `libtinyaudio_engine.so`, which `android_demo/build_engine.sh`
 * makes. For one thread at a time.
 */
class NativeEngine(library: File, private val folder: DeviceFolder) : TrainingEngine {
    private val frontend: Long
    private val training: Long
    private val clipShape = longArrayOf(folder.layout.batchSize.toLong(), folder.cropSamples.toLong())
    private val inputShapes = Array(folder.inputs.size) { folder.inputs[it].lengths.toLongArray() }

    init {
        try {
            System.load(library.absolutePath)
        } catch (error: UnsatisfiedLinkError) {
            throw EngineException("$library can't be loaded: ${error.message}", error)
        }
        frontend = opened(folder.frontend)
        training = opened(folder.training)
        val names = Array(folder.parameters.size) { folder.parameters[it].name }
        val sizes = IntArray(folder.parameters.size) { folder.parameters[it].size }
        guarded { prepare(training, names, sizes, zeros(), inputShapes) }
    }

    override fun logMel(clips: FloatArray): FloatArray =
        guarded { forward(frontend, arrayOf(clips), arrayOf(clipShape)) }

    override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float =
        guarded { step(training, weights, inputs.toTypedArray(), inputShapes, gradients) }

    override fun close() {
        free(frontend)
        free(training)
    }

    private fun opened(file: File): Long = guarded { open(file.absolutePath) }

    private fun zeros() = Array(folder.inputs.size) { FloatArray(folder.inputs[it].size) }

    private fun <T> guarded(call: () -> T): T = try {
        call()
    } catch (error: IllegalStateException) {
        throw EngineException("ExecuTorch: ${error.message}", error)
    }

    /**
     * Open a program. This function and those below are in engine.cpp.
     * @throws IllegalStateException ExecuTorch fails; the message is its own.
     */
    private external fun open(path: String): Long

    private external fun free(program: Long)

    /** Return the first output of a program's `forward`. */
    private external fun forward(program: Long, inputs: Array<FloatArray>, shapes: Array<LongArray>): FloatArray

    /** Find the parameters [names] of [sizes] in a training program, which shows them after a first run. */
    private external fun prepare(
        program: Long,
        names: Array<String>,
        sizes: IntArray,
        inputs: Array<FloatArray>,
        shapes: Array<LongArray>,
    )

    /** Return the loss at [weights], and write the gradients, in the order of `prepare`. */
    private external fun step(
        program: Long,
        weights: FloatArray,
        inputs: Array<FloatArray>,
        shapes: Array<LongArray>,
        gradients: FloatArray,
    ): Float
}
