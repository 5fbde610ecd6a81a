package org.tinyaudiossl.federated.fleet

import org.tinyaudiossl.federated.records.FlowerObject
import org.tinyaudiossl.federated.records.Message
import org.tinyaudiossl.federated.records.MessageCodec
import org.tinyaudiossl.federated.records.Metadata
import org.tinyaudiossl.federated.wire.ProtoFields
import org.tinyaudiossl.federated.wire.ProtoWriter
import org.tinyaudiossl.federated.wire.proto

/** A run as the server describes it; [settings] are those that whoever started it has given. */
data class Run(
    val id: Long,
    val appId: String,
    val appVersion: String,
    val seriesId: Long,
    val settings: Map<String, Any>, // Boolean, Long, Double or String
)

/** The objects of a pushed message that the server does not have, to be sent within a session. */
data class Wanted(val objectIds: Set<String>, val sessionId: String)

/**
 * The calls of Flower 1.41's Fleet API, one HTTP request each, for one node.
 *
 * @param post sends a request to a path and returns the answer; [Transport.post].
 */
class FleetClient(
    private val publicPem: ByteArray,
    private val post: (path: String, request: ByteArray) -> ByteArray,
) {
    /** The id that the server knows this node by; 0 before [activate]. */
    @Volatile
    var nodeId = 0L
        private set

    /** Register this node at a server without node authentication; one that has it knows its nodes already. */
    fun register() {
        call("register-node") { bytes(1, publicPem) }
    }

    fun activate() {
        val reply = call("activate-node") {
            bytes(1, publicPem)
            double(2, HEARTBEAT_INTERVAL_S)
        }
        nodeId = reply.uint(1)
    }

    fun deactivate() {
        call("deactivate-node") { uint(1, nodeId) }
    }

    /**
     * Tell the server that this node is there.
     * @throws FleetException the server does not know it.
     */
    fun heartbeat() {
        val reply = call("send-node-heartbeat") {
            node()
            double(2, HEARTBEAT_INTERVAL_S)
        }
        if (!reply.bool(1)) throw FleetException("the server no longer knows this device")
    }

    /** Return the metadata of the next message to this node, or null if none waits. */
    fun pullMessage(): Metadata? = call("pull-messages") { node() }
        .messages(2)
        .firstOrNull()
        ?.let { MessageCodec.metadata(it.message(1)) }

    /**
     * Return the content of an object.
     * @throws UnavailableException the server app is still sending it to the server.
     * @throws FleetException the server does not have it.
     */
    fun pullObject(runId: Long, objectId: String): ByteArray {
        val reply = call("pull-object") {
            node()
            uint(2, runId)
            string(3, objectId)
        }
        if (!reply.bool(1)) throw FleetException("the server does not have object ${objectId.take(12)}…")
        if (!reply.bool(2)) throw UnavailableException("object ${objectId.take(12)}… is not complete yet")
        return reply.bytes(3)
    }

    fun confirmReceived(runId: Long, messageId: String) {
        call("confirm-message-received") {
            node()
            uint(2, runId)
            string(3, messageId)
        }
    }

    /** Announce [message], whose object is [tree], which it took [runtimeS] to make. */
    fun pushMessage(message: Message, tree: FlowerObject, runtimeS: Double): Wanted {
        val pushed = Message(message.metadata.copy(messageId = tree.id), message.payload)
        val reply = call("push-messages") {
            node()
            bytes(2, MessageCodec.encode(pushed, withContent = true))
            message(3) { objectTree(tree) }
            packedDoubles(4, listOf(runtimeS))
        }
        return Wanted(reply.strings(3).toSet(), reply.string(4))
    }

    /** Send an object, and return whether the server has stored it; it stores none twice, and none too late. */
    fun pushObject(runId: Long, sessionId: String, one: FlowerObject): Boolean {
        val reply = call("push-object") {
            node()
            uint(2, runId)
            string(3, one.id)
            bytes(4, one.content)
            string(5, sessionId)
        }
        return reply.bool(1)
    }

    fun run(runId: Long): Run {
        val found = call("get-run") {
            node()
            uint(2, runId)
        }.message(1)
        val settings = found.messages(4).associate { it.string(1) to setting(it.message(2)) }
        return Run(found.uint(1), found.string(2), found.string(3), found.uint(18), settings)
    }

    private fun call(name: String, request: ProtoWriter.() -> Unit): ProtoFields =
        ProtoFields(post("/v1/fleet/$name", proto(request)))

    private fun ProtoWriter.node() = message(1) { uint(1, nodeId) }

    private fun ProtoWriter.objectTree(tree: FlowerObject) {
        string(1, tree.id)
        tree.children.distinctBy { it.id }.forEach { message(2) { objectTree(it) } }
    }

    private fun setting(fields: ProtoFields): Any = when (val kind = fields.numbers.lastOrNull()) {
        1 -> fields.double(kind)
        8 -> fields.sint(kind)
        13 -> fields.bool(kind)
        14 -> fields.string(kind)
        else -> throw FleetException("a run's setting has Protobuf field $kind, which Flower 1.41 does not know")
    }

    companion object {
        const val HEARTBEAT_INTERVAL_S = 30.0
    }
}
