package org.tinyaudiossl.federated.fleet

import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class HeartbeatsTest {
    private fun heartbeats(beat: () -> Unit) = Heartbeats(beat, periodS = 0.001, retryS = 0.001)

    @Test
    fun theyGoOnWhileTheServerIsGoneAndEndWhenTheyAreClosed() {
        val left = CountDownLatch(6)
        val beats = heartbeats {
            left.countDown()
            if (left.count in 2..4) throw UnavailableException("gone")
        }
        assertTrue(left.await(60, TimeUnit.SECONDS))
        beats.close()
        assertNull(beats.failure)
    }

    @Test
    fun aServerThatRefusesOneEndsThem() {
        val refusal = FleetException("the server no longer knows this device")
        var count = 0
        val beats = heartbeats {
            count++
            throw refusal
        }
        while (beats.failure == null) Thread.sleep(1)
        assertEquals(refusal, beats.failure)
        beats.close()
        assertEquals(1, count)
    }
}
