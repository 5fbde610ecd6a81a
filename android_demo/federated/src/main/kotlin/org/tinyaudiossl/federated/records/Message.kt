package org.tinyaudiossl.federated.records

/** Flower's metadata of a message; ids are `uint64`s, whose upper half is negative here. */
data class Metadata(
    val runId: Long,
    val messageId: String,
    val sourceNodeId: Long,
    val destinationNodeId: Long,
    val replyToMessageId: String,
    val groupId: String, // in our app: the round
    val ttlS: Double,
    val messageType: String,
    val createdAtS: Double, // of Unix time
    val sourceTaskId: Long?,
    val destinationTaskId: Long?,
) {
    /** Return the metadata of a reply that is made at [nowS], seconds of Unix time. */
    fun ofReply(nowS: Double) = Metadata(
        runId,
        messageId = "",
        sourceNodeId = destinationNodeId,
        destinationNodeId = sourceNodeId,
        replyToMessageId = messageId,
        groupId,
        ttlS = createdAtS + ttlS - nowS,
        messageType,
        createdAtS = nowS,
        sourceTaskId = destinationTaskId,
        destinationTaskId = sourceTaskId,
    )
}

/** What a message holds: records, or the reason why there are none. */
sealed interface Payload

/** Records as a message's content. */
class Content(val records: RecordDict) : Payload

/** Flower's `Error`; [code] is one of flwr/common/constant.py's `ErrorCode`. */
data class Failure(val code: Long, val reason: String) : Payload {
    companion object {
        /** Flower's code for an app that ended with an exception. */
        const val CLIENT_APP_RAISED_EXCEPTION = 2L
    }
}

/** Flower's `Message`. */
class Message(val metadata: Metadata, val payload: Payload)
