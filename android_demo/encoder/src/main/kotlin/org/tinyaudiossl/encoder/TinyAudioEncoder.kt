package org.tinyaudiossl.encoder

import java.io.File

/**
 * What was heard from [startSample] to before [endSample], counted from the last reset.
 *
 * [learned] is the first part of [vector], which the weights decide. The log-mel's statistics behind
 * it are left out, since they change with the level of a sound.
 */
class Embedding(
    val vector: FloatArray,
    val startSample: Long,
    val endSample: Long,
    val learned: FloatArray = vector,
)

/**
 * Sound in, embeddings out.
 *
 * ```
 * TinyAudioEncoder.open(folder).use { encoder ->
 *     for (found in encoder.push(pcm)) show(found.vector) // any number of samples at a time
 * }
 * ```
 *
 * Sound is mono, at 16 kHz, -1..1 (16-bit samples divided by 32768). One thread at a time.
 *
 * A stream artifact gives an embedding for every packet, from the first on, of at most a window. A
 * waveform artifact gives one every [hopSamples], when the first window is full.
 */
class TinyAudioEncoder(
    val artifact: Artifact,
    private val engine: InferenceEngine,
    hopSamples: Int = artifact.windowSamples / 4,
    /** How the learned parts of embeddings are compared. */
    val comparison: Comparison = Comparison(),
) : AutoCloseable {
    private val streams = artifact.inputKind == "stream"
    private val samplesAtATime = artifact.inputShape.last().toInt()
    private val framer = Framer(samplesAtATime, if (streams) samplesAtATime else hopSamples)
    private var state = start()

    /** How often there is an embedding. */
    val hopSamples: Int get() = framer.hopSamples
    val dim: Int get() = artifact.embeddingDim

    init {
        require(artifact.inputKind in setOf("stream", "waveform")) {
            "${artifact.file} takes ${artifact.inputKind}; expected a stream or waveform artifact"
        }
    }

    /**
     * The first [count] samples of [pcm], any number; what fills no packet waits for the next call.
     * @throws EngineException the runtime refuses to run.
     */
    fun push(pcm: FloatArray, count: Int = pcm.size): List<Embedding> {
        val found = ArrayList<Embedding>(1)
        framer.push(pcm, count) { window, end ->
            val start = maxOf(0L, end - artifact.windowSamples)
            val vector = run(window)
            found += Embedding(vector, start, end, vector.copyOf(artifact.learnedDim))
        }
        return found
    }

    /** Forget all: what comes next is another sound. */
    fun reset() {
        framer.reset()
        state = start()
    }

    override fun close() = engine.close()

    private fun run(sound: FloatArray): FloatArray {
        val outputs = engine.run(listOf(Tensor(artifact.inputShape, sound)) + state)
        // Behind the named outputs come the next states, in the order of the inputs.
        state = artifact.state.mapIndexed { i, it -> Tensor(it.shape, outputs[artifact.outputs.size + i]) }
        return outputs[0]
    }

    private fun start(): List<Tensor> = artifact.state.map { Tensor.zeros(it.shape) }

    companion object {
        /**
         * Opens what `tiny-audio-ssl export` wrote to [folder]: [file], or the best for listening.
         * @throws ManifestException the folder is not whole, or not as its manifest says.
         * @throws EngineException the runtime is not in this app, or does not take the artifact.
         */
        fun open(
            folder: File,
            file: String? = null,
            runtime: String = InferenceEngine.ONNX_RUNTIME,
            threads: Int = 1,
        ): TinyAudioEncoder {
            val manifest = Manifest.open(folder)
            val artifact = if (file == null) manifest.forListening(runtime) else manifest.artifact(file)
            val found = File(folder, artifact.file)
            artifact.check(found)
            val comparison = manifest.background?.let { Background.open(folder, it) } ?: Comparison()
            val engine = InferenceEngine.open(artifact.runtime, found, threads)
            return TinyAudioEncoder(artifact, engine, comparison = comparison)
        }
    }
}
