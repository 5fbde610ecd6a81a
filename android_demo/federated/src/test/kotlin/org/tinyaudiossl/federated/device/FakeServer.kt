package org.tinyaudiossl.federated.device

import java.io.ByteArrayOutputStream
import org.tinyaudiossl.federated.fleet.FleetClient
import org.tinyaudiossl.federated.fleet.FleetSession
import org.tinyaudiossl.federated.fleet.Run
import org.tinyaudiossl.federated.records.Content
import org.tinyaudiossl.federated.records.Deflating
import org.tinyaudiossl.federated.records.Inflating
import org.tinyaudiossl.federated.records.Message
import org.tinyaudiossl.federated.records.MessageCodec
import org.tinyaudiossl.federated.records.Metadata
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.wire.ProtoFields
import org.tinyaudiossl.federated.wire.ProtoWriter
import org.tinyaudiossl.federated.wire.proto

/** Ends a device as a killed process ends: nothing catches it. */
internal class KilledError : Error()

/**
 * A server in this process that asks one thing, and keeps every byte that a device sends. The device
 * is killed by the call [diesAt], as the server gets it.
 */
internal class FakeServer(
    private val run: Run,
    asked: RecordDict,
    type: String = "train",
    private val diesAt: String? = null,
) {
    private val now = System.currentTimeMillis() / 1000.0
    private val metadata = Metadata(run.id, "", 1, NODE, "", "3", 600.0, type, now, 7, null)
    private val question = Deflating.message(Message(metadata, Content(asked)))
    private val contents = question.all().mapValues { it.value.content }
    private val pushed = HashMap<String, ByteArray>()
    private var reply = ProtoFields(ByteArray(0))
    private var isAsked = false
    val pulled = ArrayList<String>()

    /** How many replies were announced. */
    var announced = 0
        private set
    val sent = ByteArrayOutputStream()

    /** The reply's records, if it has any. */
    val records: RecordDict
        get() = Inflating(1 shl 20) { pushed.getValue(it) }.content(reply.message(1).string(2))

    /** The reason of a reply that is an error. */
    val reason: String get() = reply.message(3).string(2)

    fun session(): FleetSession = FleetSession.open(FleetClient("key".toByteArray(), ::post))

    private fun post(path: String, request: ByteArray): ByteArray {
        sent.write(request)
        val call = path.substringAfterLast('/')
        if (call == diesAt) throw KilledError()
        return answer(call, ProtoFields(request))
    }

    private fun answer(call: String, request: ProtoFields): ByteArray = when (call) {
        "activate-node" -> proto { uint(1, NODE) }
        "send-node-heartbeat", "push-object" -> {
            if (call == "push-object") pushed[request.string(3)] = request.bytes(4)
            proto { uint(1, 1) }
        }
        "pull-messages" -> if (isAsked) ByteArray(0) else questionAsked()
        "pull-object" -> proto {
            val content = contents.getValue(request.string(3))
            pulled += String(content).substringBefore(' ')
            uint(1, 1)
            uint(2, 1)
            bytes(3, content)
        }
        "get-run" -> proto { message(1) { run() } }
        "push-messages" -> {
            reply = request.messages(2).single()
            announced++
            proto { idsOf(request.messages(3).single()).forEach { string(3, it) } }
        }
        else -> ByteArray(0)
    }

    private fun questionAsked(): ByteArray {
        isAsked = true
        val known = Message(metadata.copy(messageId = question.id), Content(RecordDict(emptyMap())))
        return proto { bytes(2, MessageCodec.encode(known, withContent = true)) }
    }

    private fun ProtoWriter.run() {
        uint(1, run.id)
        string(2, run.appId)
        string(3, run.appVersion)
        for ((key, value) in run.settings) {
            message(4) {
                string(1, key)
                message(2) {
                    when (value) {
                        is Double -> double(1, value, always = true)
                        is Long -> sint(8, value, always = true)
                        is Boolean -> uint(13, if (value) 1 else 0, always = true)
                        else -> string(14, value.toString(), always = true)
                    }
                }
            }
        }
        uint(18, run.seriesId)
    }

    private fun idsOf(tree: ProtoFields): List<String> = tree.messages(2).flatMap(::idsOf) + tree.string(1)

    private companion object {
        const val NODE = 5L
    }
}
