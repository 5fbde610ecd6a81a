package org.tinyaudiossl.demo.participation

import java.io.File
import java.io.IOException
import org.tinyaudiossl.federated.device.Answer
import org.tinyaudiossl.federated.device.Device
import org.tinyaudiossl.federated.device.LocalPrivacy
import org.tinyaudiossl.federated.device.Reason
import org.tinyaudiossl.federated.fleet.Backoff
import org.tinyaudiossl.federated.fleet.FleetClient
import org.tinyaudiossl.federated.fleet.FleetException
import org.tinyaudiossl.federated.fleet.FleetSession
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.TrainingEngine

/** This phone's part has ended: the user or the system wants it, or a limit is reached. */
class ParticipationEndedException(val reason: Reason) : FleetException(reason.name.lowercase())

/**
 * Takes part in a federation until it is stopped or a limit of the day is reached, and tells the
 * [membership] what it spends and does. A round begins only if the day's limits leave room for its
 * bytes.
 *
 * @param post sends a request to the server; `Transport.post`.
 * @param isStopped is asked before each training step and request; then nothing more is sent.
 * @param log is told in full what goes wrong, and stays on the phone.
 */
class Participation(
    private val membership: Membership,
    private val folder: DeviceFolder,
    private val engine: TrainingEngine,
    private val clips: File,
    private val post: (path: String, request: ByteArray) -> ByteArray,
    private val isStopped: () -> Boolean,
    private val log: (String) -> Unit,
    private val clock: Clock = Clock(),
) {
    /** The time, and how to let it pass. */
    class Clock(val nowMs: () -> Long = System::currentTimeMillis, val sleepMs: (Long) -> Unit = Thread::sleep)

    private var chargedMs = 0L
    private var chargedBytes = 0L
    private var workedS = 0.0
    private var isTraining = false

    /** @param publicPem of this phone's key, as the Fleet API takes it. */
    fun run(publicPem: ByteArray) {
        chargedMs = clock.nowMs()
        try {
            val privacy = LocalPrivacy(membership.state, Long.MAX_VALUE)
            val device = Device(folder, StoppableEngine(), clips, membership.state, privacy, log)
            device.onAnswer = ::record
            val backoff = Backoff(TRIES, sleepMs = clock.sleepMs, onWait = { error, _ -> log(error.message.orEmpty()) })
            val once = Backoff(tries = 1) // a key that is not registered yet: the next job tries again
            FleetSession.open(FleetClient(publicPem, ::charged), backoff, once).use { answerAll(device, it) }
        } catch (error: IOException) {
            log("ended: ${error.message}")
            val reason = (error as? ParticipationEndedException)?.reason ?: Reason.of(error)
            if (error !is ParticipationEndedException || isTraining) note(Entry.Kind.ENDED, 0, 0, reason)
        }
    }

    private fun answerAll(device: Device, session: FleetSession) {
        while (true) {
            isTraining = false
            charge(0)
            if (!membership.spent.fits(membership.limits, roundBytes(folder))) return
            if (!device.answerNext(session)) clock.sleepMs(POLL_MS)
        }
    }

    private fun charged(path: String, request: ByteArray): ByteArray {
        charge(0)
        var received = 0
        try {
            return post(path, request).also { received = it.size }
        } finally {
            charge(HEADER_BYTES + request.size + received)
        }
    }

    /** Spends [bytes], and the time since it was called last. */
    @Synchronized
    private fun charge(bytes: Int) {
        val now = clock.nowMs()
        membership.spend(maxOf(0, now - chargedMs), bytes.toLong())
        chargedMs = now
        chargedBytes += bytes
        if (isStopped()) throw ParticipationEndedException(Reason.STOPPED)
        if (!membership.spent.fits(membership.limits)) throw ParticipationEndedException(Reason.LIMIT)
    }

    /** Keys and shares of secure aggregation get a line together with the update that follows them. */
    private fun record(answer: Answer) {
        workedS += answer.seconds
        if (answer.refusal == null && !answer.isUpdateSent) return
        val kind = if (answer.refusal == null) Entry.Kind.SENT else Entry.Kind.REFUSED
        note(kind, answer.runId, answer.round, answer.refusal)
    }

    @Synchronized
    private fun note(kind: Entry.Kind, run: Long, round: Long, reason: Reason?) {
        membership.note(Entry(clock.nowMs(), kind, run, round, chargedBytes, workedS, reason))
        chargedBytes = 0
        workedS = 0.0
    }

    /** Looks before each step whether it may go on. */
    private inner class StoppableEngine : TrainingEngine {
        override fun logMel(clips: FloatArray): FloatArray {
            isTraining = true
            charge(0)
            return engine.logMel(clips)
        }

        override fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float {
            charge(0)
            return engine.gradients(weights, inputs, gradients)
        }

        override fun close() = Unit // it belongs to the caller
    }

    companion object {
        private const val POLL_MS = 3_000L
        private const val TRIES = 4
        private const val HEADER_BYTES = 1_024 // about, of a request and its answer
        private const val OTHER_BYTES = 65_536L // of a round's messages, beside weights and update

        /** About what a round of a [folder]'s artifact sends and receives. */
        fun roundBytes(folder: DeviceFolder): Long =
            Float.SIZE_BYTES * (2L * folder.weightCount + folder.fixedCount) + OTHER_BYTES
    }
}
