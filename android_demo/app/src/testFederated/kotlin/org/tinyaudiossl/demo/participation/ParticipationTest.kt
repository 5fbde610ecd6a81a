package org.tinyaudiossl.demo.participation

import java.io.File
import java.nio.file.Files
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import org.tinyaudiossl.encoder.ClipStore
import org.tinyaudiossl.federated.device.Reason
import org.tinyaudiossl.federated.fleet.NotActivatedException
import org.tinyaudiossl.federated.fleet.UnavailableException
import org.tinyaudiossl.federated.training.TrainingEngine

/** Rounds of a phone, with a server and an engine that are made up. */
class ParticipationTest {
    private val place = Files.createTempDirectory("participation").toFile()
    private val clips = File(place, "clips")
    private var nowMs = 1_800_000_000_000
    private val membership = Membership(File(place, "federation")) { nowMs }
    private var stopped = false
    private var steps = 0
    private var onStep: () -> Unit = {}

    private val engine = object : TrainingEngine {
        override fun logMel(clips: FloatArray) = clips

        override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float {
            steps++
            nowMs += 1_000
            gradients.fill(1f)
            onStep()
            return 0.5f
        }

        override fun close() = Unit
    }

    @AfterTest
    fun tidy() {
        place.deleteRecursively()
    }

    private val settings = mapOf("artifact-sha256" to hash("pte"))

    private fun device() = deviceFolder(File(place, "device"))

    /** Takes part until a poll finds nothing more to do. */
    private fun takePart(fleet: FakeFleet, post: (String, ByteArray) -> ByteArray = fleet::post) {
        membership.agreed = true
        membership.state.mkdirs()
        ClipStore(clips).apply { repeat(3) { keep(FloatArray(30) { it / 30f }, 16_000) } }
        val clock = Participation.Clock({ nowMs }) { ms ->
            nowMs += ms
            if ("pull-messages" in fleet.calls) stopped = true
        }
        Participation(membership, device(), engine, clips, post, { stopped }, {}, clock).run("key".toByteArray())
    }

    private fun limit(minutes: Int, megabytes: Int) {
        membership.limits = Limits(minutes, megabytes)
    }

    @Test
    fun `rounds are answered, counted and noted`() {
        val fleet = FakeFleet(2, settings, weights = 7)
        takePart(fleet)
        val entries = membership.entries
        assertEquals(listOf(2L to Entry.Kind.SENT, 1L to Entry.Kind.SENT), entries.map { it.round to it.kind })
        assertEquals(4, steps)
        assertTrue(entries.all { it.bytes > 4 * 7 * 2 })
        assertEquals(4_000L + 3_000, membership.spent.ms)
        assertTrue(membership.spent.bytes >= entries.sumOf { it.bytes })
    }

    @Test
    fun `a refused run stands in the history with its reason`() {
        takePart(FakeFleet(1, settings + ("task" to "cola"), weights = 7))
        val entry = membership.entries.single()
        assertEquals(Entry.Kind.REFUSED to 1L, entry.kind to entry.round)
        assertEquals(Reason.OTHER_MODEL, entry.reason)
        assertEquals(0, steps)
    }

    @Test
    fun `who stops it in a step has it stopped before the next, and nothing more is sent`() {
        val fleet = FakeFleet(1, settings, weights = 7)
        onStep = {
            stopped = true
            fleet.calls += "stop"
        }
        takePart(fleet)
        assertEquals(1, steps)
        assertEquals("stop", fleet.calls.last())
        assertEquals(Reason.STOPPED, membership.entries.single().reason)
    }

    @Test
    fun `forgetting in the middle of a round ends it, and leaves nothing`() {
        val fleet = FakeFleet(1, settings, weights = 7)
        onStep = {
            membership.forget()
            fleet.calls += "forget"
        }
        takePart(fleet)
        assertEquals("forget", fleet.calls.last())
        assertFalse(File(place, "federation").exists())
    }

    @Test
    fun `a round that takes longer than the day's minutes is given up`() {
        limit(minutes = 1, megabytes = 50)
        onStep = { nowMs += 90_000 }
        val fleet = FakeFleet(1, settings, weights = 7)
        takePart(fleet)
        assertEquals(Reason.LIMIT, membership.entries.single().reason)
        assertFalse("push-messages" in fleet.calls)
    }

    @Test
    fun `a round begins only if its bytes fit into the day`() {
        limit(minutes = 10, megabytes = 1)
        membership.spend(0, 1_000_000 - Participation.roundBytes(device()) + 1)
        val fleet = FakeFleet(1, settings, weights = 7)
        takePart(fleet)
        assertFalse("pull-messages" in fleet.calls)
        assertEquals(emptyList(), membership.entries)
        nowMs += 24 * 3_600_000
        takePart(fleet)
        assertEquals(Entry.Kind.SENT, membership.entries.single().kind)
    }

    @Test
    fun `a server that can't be reached is tried four times, and noted`() {
        var tries = 0
        takePart(FakeFleet(1, settings, weights = 7)) { _, _ ->
            tries++
            throw UnavailableException("fl.example.org:8000: refused")
        }
        assertEquals(4, tries)
        assertEquals(Reason.UNREACHABLE, membership.entries.single().reason)
    }

    @Test
    fun `a key that is not registered is noted at once`() {
        var tries = 0
        repeat(2) {
            takePart(FakeFleet(1, settings, weights = 7)) { _, _ ->
                tries++
                throw NotActivatedException("fl.example.org:8000 does not know this device's key")
            }
        }
        assertEquals(2, tries)
        assertEquals(Reason.UNKNOWN_KEY, membership.entries.single().reason)
        assertEquals(0, membership.spent.ms)
    }

    @Test
    fun `what is missing is told in its order`() {
        val artifact = hash("pte")
        fun standing(artifact: String?, clips: Int) = Standing.of(membership, artifact, 1_000, clips)
        assertEquals(Standing.OFF, standing(artifact, 3))
        membership.agreed = true
        assertEquals(Standing.NOT_ENROLLED, standing(artifact, 3))
        membership.enrollment = Enrollment("fl.example.org:8000", EnrollmentTest.PEM, artifact)
        assertEquals(Standing.OTHER_MODEL, standing(null, 3))
        assertEquals(Standing.OTHER_MODEL, standing(hash("other"), 3))
        assertEquals(Standing.NO_CLIPS, standing(artifact, 0))
        assertEquals(Standing.WAITING, standing(artifact, 3))
        membership.spend(0, membership.limits.bytes - 999)
        assertEquals(Standing.SPENT, standing(artifact, 3))
    }
}
