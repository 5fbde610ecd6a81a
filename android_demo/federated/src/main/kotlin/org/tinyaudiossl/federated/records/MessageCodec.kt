package org.tinyaudiossl.federated.records

import org.tinyaudiossl.federated.wire.ProtoFields
import org.tinyaudiossl.federated.wire.ProtoWriter
import org.tinyaudiossl.federated.wire.proto

/** Messages without their content as Protobuf, in the bytes that Flower's Python gives. */
internal object MessageCodec {
    /**
     * Return a message's bytes.
     * @param withContent adds an empty content, which stands for the message's objects in `PushMessages`.
     */
    fun encode(message: Message, withContent: Boolean): ByteArray = proto {
        message(1) { metadata(message.metadata) }
        when (val payload = message.payload) {
            is Content -> if (withContent) message(2) {}
            is Failure -> message(3) {
                sint(1, payload.code)
                string(2, payload.reason)
            }
        }
    }

    fun metadata(fields: ProtoFields) = Metadata(
        runId = fields.uint(1),
        messageId = fields.string(2),
        sourceNodeId = fields.uint(3),
        destinationNodeId = fields.uint(4),
        replyToMessageId = fields.string(5),
        groupId = fields.string(6),
        ttlS = fields.double(7),
        messageType = fields.string(8),
        createdAtS = fields.double(9),
        sourceTaskId = if (10 in fields) fields.uint(10) else null,
        destinationTaskId = if (11 in fields) fields.uint(11) else null,
    )

    fun failure(fields: ProtoFields) = Failure(fields.sint(1), fields.string(2))

    private fun ProtoWriter.metadata(metadata: Metadata) {
        uint(1, metadata.runId)
        string(2, metadata.messageId)
        uint(3, metadata.sourceNodeId)
        uint(4, metadata.destinationNodeId)
        string(5, metadata.replyToMessageId)
        string(6, metadata.groupId)
        double(7, metadata.ttlS)
        string(8, metadata.messageType)
        double(9, metadata.createdAtS)
        metadata.sourceTaskId?.let { uint(10, it, always = true) }
        metadata.destinationTaskId?.let { uint(11, it, always = true) }
    }
}
