package org.tinyaudiossl.federated.device

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import kotlin.test.assertTrue
import org.json.JSONArray
import org.json.JSONObject
import org.tinyaudiossl.federated.fleet.Run
import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.ConfigRecord
import org.tinyaudiossl.federated.records.NumericArray
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.records.sha256Hex
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.TrainingEngine

/** A device of seven weights in a folder of its own, and what a server asks it. */
internal class DevicePlace {
    val folder: File = Files.createTempDirectory("device").toFile()
    val logged = ArrayList<String>()
    private val fixed = floatArrayOf(0.5f, -0.5f)
    private val defaults = mapOf(
        "task" to "temporal-gap", "artifact-sha256" to "", "secure-aggregation" to false, "privacy" to "none",
        "norm" to "frozen", "train-only" to "", "encoding" to "float32", "max-weight" to 1000L, "seed" to 1L,
        "local-steps" to 2L, "rounds" to 3L, "learning-rate" to 0.1, "warmup-steps" to 0L, "weight-decay" to 0.0,
        "gradient-clip" to 1.0, "strategy" to "fedavg", "proximal-mu" to 0.01, "batch-size" to 2L,
        "clipping-norm" to 1.0, "noise-multiplier" to 1.0, "secagg-range" to 1.0,
    )
    private val plain = Run(9, "tiny-audio-ssl/app", "0.1.0", 4, mapOf("artifact-sha256" to hash("pte")))

    /** A log-mel is the clip itself, and each gradient its loudest sample: nothing leaks by accident. */
    val engine = object : TrainingEngine {
        override fun logMel(clips: FloatArray) = clips
        override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float {
            gradients.fill(inputs[0].maxOf { Math.abs(it) })
            return 0.25f
        }

        override fun close() = Unit
    }

    private fun hash(text: String) = sha256Hex(text.toByteArray())

    /** A run that this device knows, with [settings] besides. */
    fun run(vararg settings: Pair<String, Any>): Run = plain.copy(settings = plain.settings + settings)

    fun described(task: String = "temporal-gap"): DeviceFolder {
        File(folder, "training.pte").writeText("pte")
        File(folder, "logmel.pte").writeText("mel")
        val bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(fixed[0]).putFloat(fixed[1])
        fun shapes(vararg lengths: Pair<String, List<Int>>) = JSONArray(
            lengths.map { (name, shape) -> JSONObject().put("name", name).put("shape", JSONArray(shape)) },
        )
        val described = JSONObject()
            .put("format_version", 1)
            .put("app", JSONObject().put("id", plain.appId).put("version", plain.appVersion).put("defaults", JSONObject(defaults)))
            .put("task", task).put("batch_size", 2).put("crop_samples", 20)
            .put("slices", JSONObject("{'bands': 1, 'clip_frames': 20, 'slice_frames': 8, 'stride_frames': 0, 'context': 0}"))
            .put("inputs", shapes("first" to listOf(2, 1, 1, 8), "second" to listOf(2, 1, 1, 8), "gap" to listOf(2)))
            .put("parameters", shapes("encoder.weight" to listOf(2, 2), "pretext.bias" to listOf(3)))
            .put("fixed", JSONObject().put("count", 2).put("sha256", sha256Hex(bytes.array())))
            .put("training", JSONObject().put("file", "training.pte").put("sha256", hash("pte")))
            .put("frontend", JSONObject().put("file", "logmel.pte").put("sha256", hash("mel")))
        File(folder, "device.json").writeText(described.toString())
        return DeviceFolder.open(folder)
    }

    fun asked(weights: FloatArray = FloatArray(7), fixed: FloatArray = this.fixed) = RecordDict(
        mapOf(
            "arrays" to ArrayRecord(mapOf("weights" to NumericArray.of(weights), "fixed" to NumericArray.of(fixed))),
            "config" to ConfigRecord(mapOf("round" to 1L, "client" to 0L)),
        ),
    )

    fun clips(count: Int, pcm: (Int) -> Short = { (it * 700).toShort() }): File {
        val clips = File(folder, "clips-$count").apply { mkdirs() }
        repeat(count) { number ->
            val buffer = ByteBuffer.allocate(44 + 60).order(ByteOrder.LITTLE_ENDIAN)
            buffer.put("RIFF".toByteArray()).putInt(96).put("WAVEfmt ".toByteArray()).putInt(16).putShort(1).putShort(1)
            buffer.putInt(16_000).putInt(32_000).putShort(2).putShort(16).put("data".toByteArray()).putInt(60)
            repeat(30) { buffer.putShort(pcm(it)) }
            File(clips, "secret-$number.wav").writeBytes(buffer.array())
        }
        return clips
    }

    fun device(
        clips: File = clips(3),
        engine: TrainingEngine = this.engine,
        task: String = "temporal-gap",
        releases: Long = 1,
    ) = Device(described(task), engine, clips, folder, LocalPrivacy(folder, releases)) { logged += it }

    /** The server, after a device has answered it. */
    fun answered(server: FakeServer, device: Device = device()): FakeServer {
        server.session().use { assertTrue(device.answerNext(it)) }
        return server
    }
}
