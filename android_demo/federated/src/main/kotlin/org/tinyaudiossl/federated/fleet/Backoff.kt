package org.tinyaudiossl.federated.fleet

import kotlin.random.Random

/**
 * Repeat what fails with an error that [mayPass]: after a random part of 1, 2, 4, ... seconds, at most
 * [longestWaitS], [tries] times in all.
 */
class Backoff(
    private val tries: Int = Int.MAX_VALUE,
    private val longestWaitS: Double = 60.0,
    private val firstWaitS: Double = 1.0,
    private val sleepMs: (Long) -> Unit = Thread::sleep,
    private val onWait: (FleetException, Double) -> Unit = { _, _ -> },
    private val mayPass: (FleetException) -> Boolean = { it is UnavailableException },
) {
    fun <T> repeat(call: () -> T): T {
        var longestS = firstWaitS
        for (attempt in 1 until tries) {
            try {
                return call()
            } catch (error: FleetException) {
                if (!mayPass(error)) throw error
                val waitS = longestS * Random.nextDouble(0.5, 1.0)
                onWait(error, waitS)
                sleepMs((1000 * waitS).toLong())
                longestS = minOf(2 * longestS, longestWaitS)
            }
        }
        return call()
    }
}
