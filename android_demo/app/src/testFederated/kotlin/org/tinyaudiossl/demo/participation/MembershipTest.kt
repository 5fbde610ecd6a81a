package org.tinyaudiossl.demo.participation

import java.io.File
import java.io.IOException
import java.nio.file.Files
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.tinyaudiossl.federated.device.Reason

class MembershipTest {
    private val place = Files.createTempDirectory("membership").toFile()
    private val folder = File(place, "federation")
    private var nowMs = 1_800_000_000_000
    private val membership = Membership(folder) { nowMs }

    @AfterTest
    fun tidy() {
        place.deleteRecursively()
    }

    private fun again() = Membership(folder) { nowMs }

    private fun entry(kind: Entry.Kind, reason: Reason? = null, round: Long = 1) =
        Entry(nowMs, kind, run = 9, round, bytes = 10, seconds = 0.5, reason)

    @Test
    fun `nobody has agreed at first, and choices outlive the app`() {
        assertFalse(membership.agreed)
        assertNull(membership.enrollment)
        membership.limits = Limits(10, 20)
        membership.agreed = true
        assertEquals(true to Limits(10, 20), again().let { it.agreed to it.limits })
        membership.agreed = false
        assertEquals(false to Limits(10, 20), again().let { it.agreed to it.limits })
    }

    @Test
    fun `what is spent counts for a day`() {
        membership.agreed = true
        membership.spend(40_000, 700_000)
        membership.spend(20_000, 300_000)
        val spent = again().spent
        assertEquals(60_000L to 1_000_000L, spent.ms to spent.bytes)
        assertFalse(spent.fits(Limits(1, 50)))
        assertTrue(spent.fits(Limits(2, 1)))
        assertFalse(spent.fits(Limits(2, 1), more = 1))
        nowMs += 24 * 3_600_000
        assertEquals(0L to 0L, membership.spent.ms to membership.spent.bytes)
    }

    @Test
    fun `the history is newest first, and a reason that repeats stands there once`() {
        membership.agreed = true
        membership.note(entry(Entry.Kind.SENT))
        repeat(3) { membership.note(entry(Entry.Kind.ENDED, Reason.UNREACHABLE, round = 0)) }
        membership.note(entry(Entry.Kind.REFUSED, Reason.OTHER_APP, round = 2))
        File(folder, "history.jsonl").appendText("{\"time_ms\": 1")
        val found = again().entries
        assertEquals(listOf(Reason.OTHER_APP, Reason.UNREACHABLE, null), found.map { it.reason })
        assertEquals(entry(Entry.Kind.SENT), found.last())
    }

    @Test
    fun `a round has one line, which says whether its update was sent`() {
        membership.agreed = true
        val refused = entry(Entry.Kind.REFUSED, Reason.UNSUPPORTED)
        listOf(entry(Entry.Kind.SENT), refused, entry(Entry.Kind.SENT).copy(run = 8), refused).forEach(membership::note)
        val whole = refused.copy(kind = Entry.Kind.SENT, bytes = 20, seconds = 1.0)
        assertEquals(listOf(refused, entry(Entry.Kind.SENT).copy(run = 8), whole), membership.entries)
    }

    @Test
    fun `the history keeps its newest entries`() {
        val history = History(File(place, "history.jsonl"), most = 3)
        repeat(5) { history.add(entry(Entry.Kind.SENT, round = it.toLong())) }
        assertEquals(listOf(4L, 3L, 2L), history.entries().map { it.round })
    }

    @Test
    fun `after forgetting nothing is left, and nothing comes back`() {
        membership.agreed = true
        File(folder, "state").mkdirs()
        File(folder, "state/node.key").writeText("key")
        membership.forget()
        assertEquals(emptyList(), place.list()!!.toList())
        assertFailsWith<IOException> { membership.spend(1, 1) }
        membership.note(entry(Entry.Kind.SENT))
        assertEquals(emptyList(), place.list()!!.toList())
        assertFalse(membership.agreed)
        membership.forget() // a second time, too
    }
}
