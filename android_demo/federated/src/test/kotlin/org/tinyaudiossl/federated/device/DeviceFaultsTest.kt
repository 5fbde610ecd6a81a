package org.tinyaudiossl.federated.device

import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.tinyaudiossl.federated.littleEndianFloats
import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.training.TrainingEngine

class DeviceFaultsTest {
    private val place = DevicePlace()
    private val residual get() = File(place.folder, "rounding-4.f32")

    /** Its gradients are so small that AdamW's steps differ, and int8 rounds them. */
    private val uneven = object : TrainingEngine by place.engine {
        override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float {
            for (i in gradients.indices) gradients[i] = 1e-8f * (i + 1)
            return 0.25f
        }
    }

    private fun server(vararg settings: Pair<String, Any>, diesAt: String? = null) =
        FakeServer(place.run("encoding" to "int8", *settings), place.asked(), diesAt = diesAt)

    private fun update(server: FakeServer): FloatArray {
        val arrays = server.records.record<ArrayRecord>("arrays").arrays
        val scale = arrays.getValue("scales").floats().single()
        val steps = arrays.getValue("update").numbers()
        return FloatArray(steps.remaining()) { steps.get(it) * scale }
    }

    private fun kept(): FloatArray = residual.readBytes().littleEndianFloats()

    @Test
    fun aDeviceThatWasKilledAddsTheErrorThatItHadKept() {
        assertFailsWith<KilledError> { place.answered(server(diesAt = "push-messages"), place.device(engine = uneven)) }
        val before = kept()
        assertTrue(before.any { it != 0f })
        val sent = update(place.answered(server(), place.device(engine = uneven)))
        val after = kept()
        val trained = FloatArray(7) { sent[it] + after[it] - before[it] }
        residual.delete()
        val fresh = update(place.answered(server(), place.device(engine = uneven)))
        val rest = kept()
        for (i in trained.indices) assertEquals(fresh[i] + rest[i], trained[i], 1e-7f)
    }

    @Test
    fun killedInAnyPhaseItCountsEachReleaseAndAnswersOnce() {
        val private = "privacy" to "local"
        val phases = mapOf(
            "get-run" to 0, "pull-object" to 0, "confirm-message-received" to 0, "push-messages" to 1, "push-object" to 1,
        )
        var releases = 0
        for ((phase, released) in phases) {
            val killing = server(private, diesAt = phase)
            assertFailsWith<KilledError> { place.answered(killing, place.device(releases = 99)) }
            releases += released
            assertEquals("$releases", File(place.folder, "releases").takeIf { it.isFile }?.readText()?.trim() ?: "0", phase)
            assertEquals(if (phase == "push-object") 1 else 0, killing.announced, phase)
            assertEquals(1, place.answered(server(private), place.device(releases = 99)).announced)
            releases++
        }
    }

    @Test
    fun oneClipIsEnoughExceptWhereClipsAreCompared() {
        assertEquals(7, update(place.answered(server(), place.device(place.clips(1)))).size)
        val cola = place.answered(server("task" to "cola"), place.device(place.clips(1), task = "cola"))
        assertTrue("1 recordings" in cola.reason && "at least 2" in cola.reason, cola.reason)
    }

    @Test
    fun anUpdateWhoseErrorCannotBeKeptIsNotSent() {
        File("$residual.part").mkdir() // as on a full disk, the file can't be written
        val server = place.answered(server(), place.device())
        assertEquals("FileNotFoundException; see the device's log", server.reason)
    }
}
