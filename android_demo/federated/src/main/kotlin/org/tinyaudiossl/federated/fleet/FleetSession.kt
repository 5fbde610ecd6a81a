package org.tinyaudiossl.federated.fleet

import java.io.Closeable
import org.tinyaudiossl.federated.records.Deflating
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

    val nodeId: Long get() = client.nodeId

    /**
     * The metadata of a message to this node, or null if none waits. The server hands a message out
     * once: one that is not answered is lost.
     */
    fun next(): Metadata? {
        heartbeats.failure?.let { throw it }
        return backoff.repeat(client::pullMessage)
    }

    fun run(runId: Long): Run = backoff.repeat { client.run(runId) }

    /** The content of a message, of which arrays may take [maxArrayBytes]; the server may drop it then. */
    fun content(of: Metadata, maxArrayBytes: Long): RecordDict {
        val inflating = Inflating(maxArrayBytes) { id -> backoff.repeat { client.pullObject(of.runId, id) } }
        val found = inflating.content(of.messageId)
        // Not before: the server app may still be sending objects, and fails if they are dropped.
        backoff.repeat { client.confirmReceived(of.runId, of.messageId) }
        return found
    }

    /** Answers a message, whose content need not have been pulled, after [runtimeS] of work. */
    fun reply(to: Metadata, payload: Payload, runtimeS: Double) {
        val message = Message(to.ofReply(nowS()), payload)
        val tree = Deflating.message(message)
        // Announced once: the server does not take a reply a second time, but goes on with its objects.
        val wanted = backoff.repeat { client.pushMessage(message, tree, runtimeS) }
        for ((id, one) in tree.all()) {
            if (id in wanted.objectIds) backoff.repeat { client.pushObject(to.runId, wanted.sessionId, one) }
        }
    }

    override fun close() {
        heartbeats.close()
        try {
            client.deactivate()
        } catch (_: FleetException) {
            // The server notices by the heartbeats that are missing.
        }
    }

    companion object {
        fun open(
            client: FleetClient,
            backoff: Backoff = Backoff(),
            nowS: () -> Double = { System.currentTimeMillis() / 1000.0 },
        ): FleetSession {
            backoff.repeat(client::activate)
            return FleetSession(client, backoff, nowS)
        }
    }
}
