package org.tinyaudiossl.federated

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tinyaudiossl.federated.device.Encoding
import org.tinyaudiossl.federated.device.ErrorFeedback
import org.tinyaudiossl.federated.fleet.FleetClient
import org.tinyaudiossl.federated.fleet.FleetSession
import org.tinyaudiossl.federated.fleet.NodeKey
import org.tinyaudiossl.federated.fleet.Transport
import org.tinyaudiossl.federated.records.Content
import org.tinyaudiossl.federated.records.Deflating
import org.tinyaudiossl.federated.records.Failure
import org.tinyaudiossl.federated.records.Inflating
import org.tinyaudiossl.federated.records.Message
import org.tinyaudiossl.federated.records.Metadata
import org.tinyaudiossl.federated.records.RecordDict

/** What tests in Python compare with Flower, and run against its server. */
fun main(arguments: Array<String>) {
    val folder = File(arguments[1])
    when (arguments[0]) {
        "calls" -> calls(folder)
        "echo" -> echo(folder, address = arguments[2])
        "encode" -> encode(folder)
        else -> error("calls FOLDER | echo FOLDER ADDRESS | encode FOLDER")
    }
}

/** Makes each call once; requests and answers are files of [folder], named as the call. */
private fun calls(folder: File) {
    val client = FleetClient("a public key".toByteArray()) { path, request ->
        val name = path.substringAfterLast('/')
        File(folder, "$name.request").writeBytes(request)
        File(folder, "$name.answer").readBytes()
    }
    client.register()
    client.activate()
    client.heartbeat()
    val metadata = checkNotNull(client.pullMessage())
    println(metadata)
    println(client.run(metadata.runId))
    val content = Inflating(maxArrayBytes = 1L shl 25) { File(folder, it).readBytes() }.content(metadata.messageId)
    println(client.pullObject(metadata.runId, "an object").size)
    client.confirmReceived(metadata.runId, metadata.messageId)
    val replies = listOf(Content(content), Failure(2, "no clips"))
    val trees = replies.map { Deflating.message(Message(metadata.ofReply(nowS = 1.8e9 + 0.25), it)) }
    trees.forEach { println(it.id) }
    val reply = Message(metadata.ofReply(nowS = 1.8e9 + 0.25), replies[0])
    println(client.pushMessage(reply, trees[0], runtimeS = 1.5))
    client.pushObject(metadata.runId, "a session", trees[1])
    client.deactivate()
}

/** Answers one message with its own content, and the next with an error. */
private fun echo(folder: File, address: String) {
    val key = NodeKey.open(File(folder, "key"))
    File(folder, "key.pub").writeText(key.publicOpenSsh)
    println("key")
    readln() // the test has registered it
    val transport = Transport(address, File(folder, "ca.crt"), key)
    FleetSession.open(FleetClient(key.publicPem, transport::post)).use { session ->
        val first = awaited(session)
        println(session.run(first.runId))
        session.reply(first, Content(session.content(first, maxArrayBytes = 1L shl 25)), runtimeS = 0.1)
        val second = awaited(session)
        session.confirm(second)
        session.reply(second, Failure(2, "no clips"), runtimeS = 0.1)
    }
}

/** Prints the ids of three updates, which lie in `updates.f32`, in each encoding, with error feedback. */
private fun encode(folder: File) {
    val updates = ByteBuffer.wrap(File(folder, "updates.f32").readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    for (encoding in Encoding.values()) {
        val numbers = updates.asFloatBuffer()
        repeat(3) {
            val update = FloatArray(numbers.capacity() / 3).also(numbers::get)
            val encoded = ErrorFeedback(folder).encode(update, encoding, seriesId = encoding.ordinal.toLong())
            println(Deflating.recordDict(RecordDict(mapOf("arrays" to encoded.record))).id)
        }
    }
}

private fun awaited(session: FleetSession): Metadata {
    while (true) {
        session.next()?.let { return it }
        Thread.sleep(200)
    }
}
