package org.tinyaudiossl.federated.fleet

import java.io.Closeable
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.random.Random

/**
 * Tell the server every 18 to 23 s that this device is there, as Flower does; a server that misses
 * several takes it as gone. A server that can't be reached is tried again, whatever it takes.
 */
class Heartbeats(
    private val beat: () -> Unit,
    private val periodS: Double = FleetClient.HEARTBEAT_INTERVAL_S - 5, // less the time of a call
    private val retryS: Double = 5.0,
) : Closeable {
    private val closed = CountDownLatch(1)

    /** The reason why they ended, if the server refused one. */
    @Volatile
    var failure: FleetException? = null
        private set

    private val sender = thread(isDaemon = true, name = "heartbeats", block = ::run)

    override fun close() {
        closed.countDown()
        sender.join()
    }

    private fun run() {
        var waitS = 0.0
        while (!closed.await((1000 * waitS).toLong(), TimeUnit.MILLISECONDS)) {
            waitS = try {
                beat()
                periodS * Random.nextDouble(0.7, 0.9)
            } catch (_: UnavailableException) {
                retryS
            } catch (error: IOException) {
                failure = error as? FleetException ?: FleetException("a heartbeat failed: ${error.message}", error)
                return
            }
        }
    }
}
