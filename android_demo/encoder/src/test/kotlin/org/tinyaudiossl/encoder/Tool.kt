package org.tinyaudiossl.encoder

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONArray
import org.json.JSONObject

/** What the Python tests run: one JSON line for each embedding, or that of a benchmark. */
fun main(arguments: Array<String>) {
    val artifact = File(arguments[1])
    when (arguments[0]) {
        "embed" -> embed(artifact, File(arguments[2]), packetSamples = arguments[3].toInt())
        "benchmark" -> println(benchmark(BenchmarkJob(artifact, arguments[2], runs = 5, warmUp = 1)))
        else -> error("embed ARTIFACT PCM PACKET_SAMPLES | benchmark ARTIFACT RUNTIME")
    }
}

private fun embed(artifact: File, pcm: File, packetSamples: Int) {
    val bytes = ByteBuffer.wrap(pcm.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    val sound = FloatArray(bytes.remaining()).also { bytes.get(it) }
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
