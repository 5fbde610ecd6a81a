package org.tinyaudiossl.federated.fleet

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class BackoffTest {
    private val waits = ArrayList<Long>()

    @Test
    fun anotherKindOfErrorMayPassToo() {
        val backoff = Backoff(tries = 2, sleepMs = { waits += it }, mayPass = { it is NotActivatedException })
        assertEquals("done", backoff.repeat(failing(1, NotActivatedException("present"))))
        assertFailsWith<UnavailableException> { backoff.repeat(failing(1, UnavailableException("gone"))) }
    }

    private fun failing(times: Int, error: FleetException): () -> String {
        var left = times
        return { if (left-- > 0) throw error else "done" }
    }

    @Test
    fun waitsGrowUpToALimit() {
        val backoff = Backoff(longestWaitS = 4.0, sleepMs = { waits += it })
        assertEquals("done", backoff.repeat(failing(5, UnavailableException("gone"))))
        val longest = listOf(1000L, 2000L, 4000L, 4000L, 4000L)
        assertEquals(5, waits.size)
        waits.zip(longest).forEach { (found, most) -> assertTrue(found in most / 2..most, "$found of $most") }
    }

    @Test
    fun itEndsAfterItsTriesAndAtOnceForARefusal() {
        val backoff = Backoff(tries = 3, sleepMs = { waits += it })
        assertFailsWith<UnavailableException> { backoff.repeat(failing(3, UnavailableException("gone"))) }
        assertEquals(2, waits.size)
        assertFailsWith<RunEndedException> { backoff.repeat(failing(1, RunEndedException("over"))) }
        assertEquals(2, waits.size)
    }
}
