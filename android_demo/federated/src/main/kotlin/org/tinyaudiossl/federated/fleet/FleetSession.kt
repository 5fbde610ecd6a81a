package org.tinyaudiossl.federated.fleet

import java.io.Closeable
import org.tinyaudiossl.federated.records.Deflating
import org.tinyaudiossl.federated.records.FlowerObject
import org.tinyaudiossl.federated.records.Inflating
import org.tinyaudiossl.federated.records.Message
import org.tinyaudiossl.federated.records.Metadata
import org.tinyaudiossl.federated.records.Payload
import org.tinyaudiossl.federated.records.RecordDict

/**
 * A node that the server takes as present, from [open] to [close]. A call waits for a server that
 * can't be reached, as [backoff] says.
 */
class FleetSession private constructor(
    private val client: FleetClient,
    private val backoff: Backoff,
    private val nowS: () -> Double,
) : Closeable {
    private val heartbeats = Heartbeats(client::heartbeat)
    private var answeredAtS = Double.NEGATIVE_INFINITY

    val nodeId: Long get() = client.nodeId

    /**
     * Return the metadata of a message to this node, or null if none waits. The server hands a message out
     * once: one that is not answered is lost.
     */
    fun next(): Metadata? {
        heartbeats.failure?.let { throw it }
        return backoff.repeat(client::pullMessage)
    }

    fun run(runId: Long): Run = backoff.repeat { client.run(runId) }

    /** Return the content of a message, of which arrays may take [maxArrayBytes]; the server may drop it then. */
    fun content(of: Metadata, maxArrayBytes: Long): RecordDict {
        val inflating = Inflating(maxArrayBytes) { id -> backoff.repeat { client.pullObject(of.runId, id) } }
        val found = inflating.content(of.messageId)
        // Not before: the server app may still be sending objects, and fails if they are dropped.
        backoff.repeat { client.confirmReceived(of.runId, of.messageId) }
        return found
    }

    /**
     * Answer a message, whose content need not have been pulled, after [runtimeS] of work.
     * @throws RunEndedException the server no longer waits for the answer.
     */
    fun reply(to: Metadata, payload: Payload, runtimeS: Double) {
        val message = Message(to.ofReply(nowS()), payload)
        val tree = Deflating.message(message)
        // Announced once: the server does not take a reply a second time, but goes on with its objects.
        val wanted = backoff.repeat { client.pushMessage(message, tree, runtimeS) }
        for ((id, one) in tree.all()) {
            if (id in wanted.objectIds) push(to.runId, wanted.sessionId, one)
        }
        answeredAtS = nowS()
    }

    private fun push(runId: Long, sessionId: String, one: FlowerObject) {
        var tries = 0
        val isStored = backoff.repeat {
            tries++
            client.pushObject(runId, sessionId, one)
        }
        // One that was stored before its answer was lost is not stored again.
        if (!isStored && tries == 1) throw RunEndedException("the server no longer waits for this answer")
    }

    /** Sign off, but not soon after an answer: that counts only while its node is present, which then lapses. */
    override fun close() {
        heartbeats.close()
        if (nowS() - answeredAtS < PRESENT_S) return
        try {
            client.deactivate()
        } catch (_: FleetException) {
            // The server notices by the heartbeats that are missing.
        }
    }

    companion object {
        /** Time after its last heartbeat in which the server still takes a node as present. */
        private const val PRESENT_S = 2 * FleetClient.HEARTBEAT_INTERVAL_S

        /**
         * Have the server take this node as present.
         * @param activation repeats what [NotActivatedException] ends: a device that was killed can't
         * be activated again while the server takes it as present.
         */
        fun open(
            client: FleetClient,
            backoff: Backoff = Backoff(),
            activation: Backoff = untilAbsent(),
            nowS: () -> Double = { System.currentTimeMillis() / 1000.0 },
        ): FleetSession {
            activation.repeat { backoff.repeat(client::activate) }
            return FleetSession(client, backoff, nowS)
        }

        /** Return waits of 5 to 10 s, for more than [PRESENT_S] in all. */
        fun untilAbsent(onWait: (FleetException, Double) -> Unit = { _, _ -> }) = Backoff(
            tries = 14,
            longestWaitS = 10.0,
            firstWaitS = 10.0,
            onWait = onWait,
            mayPass = { it is NotActivatedException },
        )
    }
}
