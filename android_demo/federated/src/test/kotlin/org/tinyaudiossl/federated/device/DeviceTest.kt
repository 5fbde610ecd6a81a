package org.tinyaudiossl.federated.device

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.MetricRecord
import org.tinyaudiossl.federated.records.NumericArray
import org.tinyaudiossl.federated.training.EngineException
import org.tinyaudiossl.federated.training.TrainingEngine

class DeviceTest {
    private val place = DevicePlace()
    private val run = place.run()

    private fun asked(weights: FloatArray = FloatArray(7)) = place.asked(weights)

    private fun update(server: FakeServer): NumericArray =
        server.records.record<ArrayRecord>("arrays").arrays.getValue("update")

    @Test
    fun anUpdateAndItsMetricsAreSent() {
        val server = place.answered(FakeServer(run, asked()))
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
            FakeServer(run, place.asked(fixed = FloatArray(2))) to "statistics are not those",
            FakeServer(run, asked(FloatArray(2_000))) to "have 8000 bytes; this device expects at most 36",
            FakeServer(place.run("batch-size" to 4L), asked()) to "batch-size is 4",
        )
        for ((server, reason) in reasons) assertTrue(reason in place.answered(server).reason, server.reason)
        assertEquals(reasons.size, place.logged.count { it.startsWith("this client can't take part: ") })
    }

    @Test
    fun anUnknownRunsWeightsAreNotEvenPulled() {
        assertTrue(place.answered(FakeServer(run.copy(appId = "other/app"), asked())).pulled.isEmpty())
        assertFalse("ArrayChunk" in place.answered(FakeServer(run, asked(FloatArray(2_000)))).pulled)
    }

    @Test
    fun withoutClipsNobodyTrains() {
        assertTrue("0 recordings" in place.answered(FakeServer(run, asked()), place.device(File("none"))).reason)
    }

    @Test
    fun noAnswerHoldsARecordingOrAFilesName() {
        val pcm: (Int) -> Short = { ((it * 7919) % 30_011).toShort() }
        val broken = object : TrainingEngine by place.engine {
            override fun logMel(clips: FloatArray): FloatArray = throw EngineException("secret-0.wav: too loud")
        }
        val failed = place.answered(FakeServer(run, asked()), place.device(place.clips(3, pcm), broken))
        assertEquals("EngineException; see the device's log", failed.reason)
        assertTrue(place.logged.any { "secret-0.wav" in it })
        for (encoding in Encoding.entries) {
            val run = place.run("encoding" to encoding.name.lowercase())
            val server = place.answered(FakeServer(run, asked()), place.device(place.clips(3, pcm)))
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
        val noisy = place.run("privacy" to "local", "noise-multiplier" to 100.0)
        val server = place.answered(FakeServer(noisy, asked()))
        assertTrue(update(server).floats().any { abs(it) > 5 }) // missed by one run in 10^9
        assertFalse("loss" in server.records.record<MetricRecord>("metrics").values)
        val again = place.answered(FakeServer(noisy, asked()))
        assertTrue("has released 1 updates" in again.reason)
    }
}
