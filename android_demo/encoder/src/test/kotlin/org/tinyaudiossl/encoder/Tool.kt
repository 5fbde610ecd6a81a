package org.tinyaudiossl.encoder

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONArray
import org.json.JSONObject

/** What the Python tests run: lines of JSON, or a file. */
fun main(arguments: Array<String>) {
    val file = File(arguments[1])
    when (arguments[0]) {
        "embed" -> embed(file, File(arguments[2]), packetSamples = arguments[3].toInt())
        "benchmark" -> println(benchmark(BenchmarkJob(file, arguments[2], runs = 5, warmUp = 1)))
        "resample" -> resample(file, arguments[2].toInt(), packetSamples = arguments[3].toInt(), File(arguments[4]))
        "read-sounds" -> println(readSounds(file, arguments[2], arguments[3].toInt(), arguments.getOrNull(4)?.let(::File)))
        "write-sounds" -> writeSounds(file, arguments[2], JSONObject(File(arguments[3]).readText()))
        else -> error("${arguments[0]}: not known")
    }
}

/** Samples at 16 kHz of sound that comes in packets. */
private fun resample(pcm: File, fromHz: Int, packetSamples: Int, out: File) {
    val resampler = Resampler(fromHz, 16_000)
    val found = samples(pcm).asList().chunked(packetSamples).flatMap { resampler.push(it.toFloatArray()).asList() }
    val bytes = ByteBuffer.allocate(4 * found.size).order(ByteOrder.LITTLE_ENDIAN)
    found.forEach(bytes::putFloat)
    out.writeBytes(bytes.array())
}

/**
 * Names with the number of their examples, and what is next to each axis; or why there is nothing.
 * They are compared with the background in [folder], if it is given.
 */
private fun readSounds(file: File, sha256: String, size: Int, folder: File?): JSONObject = try {
    val comparison = folder?.let { Background.open(it, Manifest.open(it).background!!) } ?: Comparison()
    val sounds = Prototypes.fromJson(file.readText(), sha256, size, comparison)
    val nearest = List(size) { axis -> sounds.nearest(FloatArray(size) { if (it == axis) 1f else 0f }) }
    JSONObject()
        .put("counts", JSONArray(sounds.counts.map { (name, count) -> JSONArray(listOf(name, count)) }))
        .put("threshold", sounds.threshold.toDouble())
        .put("nearest", JSONArray(nearest.filterNotNull().map { JSONArray(listOf(it.name, it.distance.toDouble())) }))
        .put("known", JSONArray(nearest.filterNotNull().map { it.known }))
} catch (error: SoundsException) {
    JSONObject().put("refused", error.message)
} catch (error: ManifestException) {
    JSONObject().put("refused", error.message)
}

/** Sounds of [names]: the number of examples of each, which are axes, one after the other. */
private fun writeSounds(file: File, sha256: String, names: JSONObject) {
    var sounds = Prototypes(sha256).withThreshold(0.3f)
    var axis = 0
    for (name in names.keys()) {
        repeat(names.getInt(name)) {
            val next = axis++
            sounds = sounds.taught(name, FloatArray(8) { if (it == next) 0.7f else 0.1f })
        }
    }
    file.writeText(sounds.toJson())
}

private fun embed(artifact: File, pcm: File, packetSamples: Int) {
    val sound = samples(pcm)
    TinyAudioEncoder.open(artifact.absoluteFile.parentFile, artifact.name).use { encoder ->
        for (start in sound.indices step packetSamples) {
            val packet = sound.copyOfRange(start, minOf(start + packetSamples, sound.size))
            for (found in encoder.push(packet)) {
                val line = JSONObject().put("start", found.startSample).put("end", found.endSample)
                println(line.put("embedding", JSONArray(found.vector.map(Float::toDouble))))
            }
        }
    }
}

private fun samples(file: File): FloatArray {
    val bytes = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(bytes.remaining()).also { bytes.get(it) }
}
