package org.tinyaudiossl.encoder

import java.io.File
import org.json.JSONArray
import org.json.JSONObject

/** The artifact to time, and how. */
class BenchmarkJob(
    val artifact: File, // its manifest.json may be beside; ExecuTorch needs it, for the shapes
    val runtime: String,
    val runs: Int = 200,
    val warmUp: Int = 20,
    val threads: Int = 1,
) {
    init {
        require(runs > 0 && warmUp >= 0 && threads > 0) {
            "runs $runs, warm-up $warmUp, threads $threads; expected at least 1, 0 and 1"
        }
    }
}

/**
 * Loads, runs and times an artifact; the same JSON as the native runner prints.
 *
 * @throws EngineException the runtime does not take it.
 * @throws ManifestException the manifest beside it is of another artifact.
 */
fun benchmark(job: BenchmarkJob): JSONObject {
    require(job.artifact.isFile) { "${job.artifact}: no such file" }
    val described = described(job.artifact)
    val begin = System.nanoTime()
    return InferenceEngine.open(job.runtime, job.artifact, job.threads).use { engine ->
        val loadMs = ms(begin)
        val session = Session(engine, shapes(engine, described))
        val firstMs = session.timedStep()
        repeat(job.warmUp) { session.timedStep() }
        val samplesMs = DoubleArray(job.runs) { session.timedStep() }
        JSONObject()
            .put("runtime", engine.runtime)
            .put("runtime_version", engine.runtimeVersion)
            .put("artifact", job.artifact.path)
            .put("abi", System.getProperty("os.arch"))
            .put("cpu_model", cpuModel())
            .put("threads", job.threads)
            .put("cpus", JSONObject.NULL)
            .put("stream", session.stream)
            .put("load_ms", loadMs)
            .put("first_ms", firstMs)
            .putTimes(samplesMs)
            .put("peak_rss_kb", peakRssKb())
            .put("checksum", checksum(session.output))
    }
}

/** An engine and what it is fed: only the first input hears the sound, the others are state. */
private class Session(private val engine: InferenceEngine, shapes: List<List<Long>>) {
    private var inputs = shapes.map(Tensor::zeros)
    private val sound = noise()
    private var next = 0
    val stream = shapes.size > 1
    var output = FloatArray(0)
        private set

    init {
        fill()
    }

    fun timedStep(): Double {
        val begin = System.nanoTime()
        val outputs = engine.run(inputs)
        output = outputs[0]
        if (stream) {
            if (outputs.size < inputs.size) { // the last ones are the next states
                throw EngineException("${inputs.size} inputs and ${outputs.size} outputs: no stream")
            }
            val next = outputs.takeLast(inputs.size - 1)
            inputs = inputs.take(1) + inputs.drop(1).zip(next) { it, state -> Tensor(it.shape, state) }
            fill()
        }
        return ms(begin)
    }

    private fun fill() {
        val first = inputs[0].data
        for (i in first.indices) first[i] = sound[(next + i) % sound.size]
        next = (next + first.size) % sound.size
    }
}

/** A second at a tenth of full scale; the native runner's: that of Numerical Recipes, 2nd edition. */
internal fun noise(): FloatArray {
    var state = 1
    return FloatArray(16_000) {
        state = state * 1664525 + 1013904223
        0.1f * ((state ushr 8) / 8388608.0f - 1.0f)
    }
}

private fun described(artifact: File): Artifact? {
    val folder = artifact.absoluteFile.parentFile
    if (folder == null || !File(folder, Manifest.FILE).isFile) return null
    return Manifest.open(folder).artifact(artifact.name).also { it.check(artifact) }
}

private fun shapes(engine: InferenceEngine, described: Artifact?): List<List<Long>> {
    if (described != null) return listOf(described.inputShape) + described.state.map { it.shape }
    val found = engine.inputShapes ?: throw EngineException(
        "${engine.runtime} does not report the inputs of an artifact; put its ${Manifest.FILE} beside it",
    )
    return found.map { listOf(1L) + it.drop(1) }
}

private fun JSONObject.putTimes(samplesMs: DoubleArray): JSONObject {
    val sorted = samplesMs.sortedArray()
    return put("runs", sorted.size)
        .put("p50_ms", percentile(sorted, 50.0))
        .put("p90_ms", percentile(sorted, 90.0))
        .put("p99_ms", percentile(sorted, 99.0))
        .put("min_ms", sorted.first())
        .put("mean_ms", sorted.average())
        .put("samples_ms", JSONArray(samplesMs.toList()))
}

private fun ms(begin: Long) = (System.nanoTime() - begin) / 1e6
