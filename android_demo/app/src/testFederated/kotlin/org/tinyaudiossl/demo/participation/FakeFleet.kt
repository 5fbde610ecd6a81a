package org.tinyaudiossl.demo.participation

import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.ConfigRecord
import org.tinyaudiossl.federated.records.Content
import org.tinyaudiossl.federated.records.Deflating
import org.tinyaudiossl.federated.records.Message
import org.tinyaudiossl.federated.records.Metadata
import org.tinyaudiossl.federated.records.NumericArray
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.wire.ProtoFields
import org.tinyaudiossl.federated.wire.proto

/** A server in this process that asks for [rounds] rounds of one run, one after another. */
internal class FakeFleet(private val rounds: Int, private val settings: Map<String, String>, private val weights: Int) {
    private val contents = HashMap<String, ByteArray>()
    private var asked = 0

    /** The calls so far, without heartbeats. */
    val calls = ArrayList<String>()

    @Synchronized
    fun post(path: String, request: ByteArray): ByteArray {
        val call = path.substringAfterLast('/')
        if (call != "send-node-heartbeat") calls += call
        val fields = ProtoFields(request)
        return when (call) {
            "activate-node" -> proto { uint(1, 5) }
            "pull-messages" -> if (asked < rounds) question(++asked) else ByteArray(0)
            "pull-object" -> proto {
                uint(1, 1)
                uint(2, 1)
                bytes(3, contents.getValue(fields.string(3)))
            }
            "get-run" -> run()
            "send-node-heartbeat", "push-object" -> proto { uint(1, 1) }
            else -> ByteArray(0)
        }
    }

    private fun question(round: Int): ByteArray {
        val arrays = mapOf("weights" to NumericArray.of(FloatArray(weights)), "fixed" to NumericArray.of(FloatArray(2)))
        val config = ConfigRecord(mapOf("round" to round.toLong(), "client" to 0L))
        val records = RecordDict(mapOf("arrays" to ArrayRecord(arrays), "config" to config))
        val metadata = Metadata(9, "", 1, 5, "", "$round", 600.0, "train", 1.8e9, 7, null)
        val tree = Deflating.message(Message(metadata, Content(records)))
        contents += tree.all().mapValues { it.value.content }
        return proto {
            message(2) {
                message(1) {
                    uint(1, 9)
                    string(2, tree.id)
                    string(6, "$round")
                    string(8, "train")
                }
            }
        }
    }

    private fun run() = proto {
        message(1) {
            uint(1, 9)
            string(2, "tiny-audio-ssl/app")
            string(3, "0.1.0")
            for ((key, value) in settings) {
                message(4) {
                    string(1, key)
                    message(2) { string(14, value, always = true) }
                }
            }
            uint(18, 4)
        }
    }
}
