package org.tinyaudiossl.federated.device

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import org.json.JSONArray
import org.json.JSONObject
import org.tinyaudiossl.federated.fleet.Run
import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.ConfigRecord
import org.tinyaudiossl.federated.records.MetricRecord
import org.tinyaudiossl.federated.records.NumericArray
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.EngineException
import org.tinyaudiossl.federated.training.TrainingEngine

class DeviceTest {
    private val place = Files.createTempDirectory("device").toFile()
    private val logged = ArrayList<String>()
    private val fixed = floatArrayOf(0.5f, -0.5f)
    private val defaults = mapOf(
        "task" to "temporal-gap", "artifact-sha256" to "", "secure-aggregation" to false, "privacy" to "none",
        "norm" to "frozen", "train-only" to "", "encoding" to "float32", "max-weight" to 1000L, "seed" to 1L,
        "local-steps" to 2L, "rounds" to 3L, "learning-rate" to 0.1, "warmup-steps" to 0L, "weight-decay" to 0.0,
        "gradient-clip" to 1.0, "strategy" to "fedavg", "proximal-mu" to 0.01, "batch-size" to 2L,
        "clipping-norm" to 1.0, "noise-multiplier" to 1.0,
    )
    private val run = Run(9, "tiny-audio-ssl/app", "0.1.0", 4, mapOf("artifact-sha256" to hash("pte")))

    /** A log-mel is the clip itself, and each gradient its loudest sample: nothing leaks by accident. */
    private val engine = object : TrainingEngine {
        override fun logMel(clips: FloatArray) = clips
        override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float {
            gradients.fill(inputs[0].maxOf { Math.abs(it) })
            return 0.25f
        }

        override fun close() = Unit
    }

    private fun hash(text: String) = DeviceFolder.sha256(text.toByteArray())

    private fun folder(): DeviceFolder {
        File(place, "training.pte").writeText("pte")
        File(place, "logmel.pte").writeText("mel")
        val bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(fixed[0]).putFloat(fixed[1])
        fun shapes(vararg lengths: Pair<String, List<Int>>) = JSONArray(
            lengths.map { (name, shape) -> JSONObject().put("name", name).put("shape", JSONArray(shape)) },
        )
        val described = JSONObject()
            .put("format_version", 1)
            .put("app", JSONObject().put("id", run.appId).put("version", run.appVersion).put("defaults", JSONObject(defaults)))
            .put("task", "temporal-gap").put("batch_size", 2).put("crop_samples", 20)
            .put("slices", JSONObject("{'bands': 1, 'clip_frames': 20, 'slice_frames': 8, 'stride_frames': 0, 'context': 0}"))
            .put("inputs", shapes("first" to listOf(2, 1, 1, 8), "second" to listOf(2, 1, 1, 8), "gap" to listOf(2)))
            .put("parameters", shapes("encoder.weight" to listOf(2, 2), "pretext.bias" to listOf(3)))
            .put("fixed", JSONObject().put("count", 2).put("sha256", DeviceFolder.sha256(bytes.array())))
            .put("training", JSONObject().put("file", "training.pte").put("sha256", hash("pte")))
            .put("frontend", JSONObject().put("file", "logmel.pte").put("sha256", hash("mel")))
        File(place, "device.json").writeText(described.toString())
        return DeviceFolder.open(place)
    }

    private fun asked(weights: FloatArray = FloatArray(7), fixed: FloatArray = this.fixed) = RecordDict(
        mapOf(
            "arrays" to ArrayRecord(mapOf("weights" to NumericArray.of(weights), "fixed" to NumericArray.of(fixed))),
            "config" to ConfigRecord(mapOf("round" to 1L, "client" to 0L)),
        ),
    )

    private fun clips(count: Int, pcm: (Int) -> Short = { (it * 700).toShort() }): File {
        val folder = File(place, "clips").apply { mkdirs() }
        repeat(count) { number ->
            val buffer = ByteBuffer.allocate(44 + 60).order(ByteOrder.LITTLE_ENDIAN)
            buffer.put("RIFF".toByteArray()).putInt(96).put("WAVEfmt ".toByteArray()).putInt(16).putShort(1).putShort(1)
            buffer.putInt(16_000).putInt(32_000).putShort(2).putShort(16).put("data".toByteArray()).putInt(60)
            repeat(30) { buffer.putShort(pcm(it)) }
            File(folder, "secret-$number.wav").writeBytes(buffer.array())
        }
        return folder
    }

    private fun answered(server: FakeServer, clips: File = clips(3), engine: TrainingEngine = this.engine): FakeServer {
        val device = Device(folder(), engine, clips, place, LocalPrivacy(place, 1)) { logged += it }
        server.session().use { assertTrue(device.answerNext(it)) }
        return server
    }

    private fun update(server: FakeServer): NumericArray =
        server.records.record<ArrayRecord>("arrays").arrays.getValue("update")

    @Test
    fun anUpdateAndItsMetricsAreSent() {
        val server = answered(FakeServer(run, asked()))
        val metrics = server.records.record<MetricRecord>("metrics").values
        assertEquals(listOf("round", "num-examples", "seconds", "loss"), metrics.keys.toList())
        assertEquals(listOf(1L, 3L, 0.25), listOf("round", "num-examples", "loss").map { metrics[it] })
        assertTrue(update(server).floats().all { it < 0 })
    }

    @Test
    fun whatDoesNotFitIsRefusedInWords() {
        val reasons = mapOf(
            FakeServer(run.copy(appVersion = "0.2.0"), asked()) to "app version is 0.2.0",
            FakeServer(run, asked(), type = "evaluate") to "this device only trains",
            FakeServer(run, asked(FloatArray(6))) to "weights have shape [6]; expected [7]",
            FakeServer(run, asked(FloatArray(7) { Float.NaN })) to "weights are not finite",
            FakeServer(run, asked(fixed = FloatArray(2))) to "statistics are not those",
            FakeServer(run, asked(FloatArray(2_000))) to "have 8000 bytes; this device expects at most 36",
            FakeServer(run.copy(settings = run.settings + ("batch-size" to 4L)), asked()) to "batch-size is 4",
        )
        for ((server, reason) in reasons) assertTrue(reason in answered(server).reason, server.reason)
        assertEquals(reasons.size, logged.count { it.startsWith("this client can't take part: ") })
    }

    @Test
    fun anUnknownRunsWeightsAreNotEvenPulled() {
        assertTrue(answered(FakeServer(run.copy(appId = "other/app"), asked())).pulled.isEmpty())
        assertFalse("ArrayChunk" in answered(FakeServer(run, asked(FloatArray(2_000)))).pulled)
    }

    @Test
    fun withoutClipsNobodyTrains() {
        assertTrue("0 recordings" in answered(FakeServer(run, asked()), clips = File(place, "none")).reason)
    }

    @Test
    fun noAnswerHoldsARecordingOrAFilesName() {
        val pcm: (Int) -> Short = { ((it * 7919) % 30_011).toShort() }
        val broken = object : TrainingEngine by engine {
            override fun logMel(clips: FloatArray): FloatArray = throw EngineException("secret-0.wav: too loud")
        }
        val failed = answered(FakeServer(run, asked()), clips(3, pcm), broken)
        assertEquals("EngineException; see the device's log", failed.reason)
        assertTrue(logged.any { "secret-0.wav" in it })
        for (encoding in Encoding.values()) {
            val settings = run.settings + ("encoding" to encoding.name.lowercase())
            val server = answered(FakeServer(run.copy(settings = settings), asked()), clips(3, pcm))
            val sent = String(server.sent.toByteArray() + failed.sent.toByteArray(), Charsets.ISO_8859_1)
            assertFalse("secret" in sent)
            for (at in 0 until 26) {
                val part = IntArray(4) { pcm(at + it).toInt() }
                val forms = listOf(shorts(part), floats(part), doubles(part))
                forms.forEach { assertFalse(it in sent) }
            }
        }
    }

    private fun bytes(size: Int, fill: (ByteBuffer) -> Unit): String =
        String(ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).also(fill).array(), Charsets.ISO_8859_1)

    private fun shorts(part: IntArray) = part.joinToString("") { bytes(2) { b -> b.putShort(it.toShort()) } }

    private fun floats(part: IntArray) = part.joinToString("") { bytes(4) { b -> b.putFloat(it / 32768f) } }

    private fun doubles(part: IntArray) = part.joinToString("") { bytes(8) { b -> b.putDouble(it / 32768.0) } }

    @Test
    fun privateUpdatesAreNoisyAndCounted() {
        val settings = run.settings + mapOf("privacy" to "local", "noise-multiplier" to 100.0)
        val server = answered(FakeServer(run.copy(settings = settings), asked()))
        assertTrue(update(server).floats().any { it > 5 })
        assertFalse("loss" in server.records.record<MetricRecord>("metrics").values)
        val again = answered(FakeServer(run.copy(settings = settings), asked()))
        assertTrue("has released 1 updates" in again.reason)
    }
}
