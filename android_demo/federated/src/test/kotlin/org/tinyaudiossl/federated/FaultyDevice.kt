package org.tinyaudiossl.federated

import java.io.File
import org.tinyaudiossl.federated.device.Device
import org.tinyaudiossl.federated.device.LocalPrivacy
import org.tinyaudiossl.federated.fleet.FleetClient
import org.tinyaudiossl.federated.fleet.FleetSession
import org.tinyaudiossl.federated.fleet.Transport
import org.tinyaudiossl.federated.fleet.UnavailableException
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.NativeEngine
import org.tinyaudiossl.federated.training.TrainingEngine
import org.tinyaudiossl.federated.wire.ProtoFields

/**
 * A device of a real server, which has one fault in the round after its first update. It ends as a
 * killed process does when it reaches the phase [fault]: the name of a call that it is about to make,
 * `train`, or `sent`, when the server has all of the update and the device does not know it. With
 * `lost answers`, the first answer to each call is lost on the way instead.
 */
internal class FaultyDevice(
    private val state: File,
    private val address: String,
    private val files: List<File>, // the device's folder, the engine, the clips
    private val fault: String,
) {
    private var isArmed = false
    private var received = 0
    private val lost = HashSet<String>()

    fun run() {
        val key = registeredKey(state)
        val transport = Transport(address, File(state, "ca.crt"), key)
        val client = FleetClient(key.publicPem) { path, request ->
            val call = path.substringAfterLast('/')
            reach(call)
            transport.post(path, request).also { passed(call, request, it) }
        }
        val (folder, library, clips) = files
        val described = DeviceFolder.open(folder)
        NativeEngine(library, described).use { engine ->
            val device = Device(described, dying(engine), clips, state, LocalPrivacy(state, Long.MAX_VALUE), ::println)
            device.onAnswer = { answer ->
                isArmed = answer.isUpdateSent
                println("received $received bytes")
            }
            FleetSession.open(client).use { session ->
                println("node ${session.nodeId.toULong()}")
                while (true) if (!device.answerNext(session)) Thread.sleep(POLL_MS)
            }
        }
    }

    private fun passed(call: String, request: ByteArray, answer: ByteArray) {
        received += answer.size
        if (call == "push-object" && String(ProtoFields(request).bytes(4)).startsWith("Message ")) reach("sent")
        if (isArmed && fault == LOST_ANSWERS && call in REPEATED && lost.add(call)) {
            println("lost the answer to $call")
            throw UnavailableException("the answer to $call was lost")
        }
    }

    private fun reach(phase: String) {
        if (isArmed && phase == fault) Runtime.getRuntime().halt(KILLED)
    }

    private fun dying(engine: TrainingEngine) = object : TrainingEngine by engine {
        override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float {
            reach("train")
            return engine.gradients(weights, inputs, gradients)
        }
    }

    private companion object {
        const val KILLED = 137
        const val POLL_MS = 800L // nine of these ask one server for more than a minute
        const val LOST_ANSWERS = "lost answers"

        /** All but `pull-messages`: the server hands out each message once. */
        val REPEATED = setOf("get-run", "pull-object", "confirm-message-received", "push-messages", "push-object")
    }
}
