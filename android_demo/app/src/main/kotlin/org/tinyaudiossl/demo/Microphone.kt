package org.tinyaudiossl.demo

import android.annotation.SuppressLint
import android.media.AudioFormat
import android.media.AudioRecord
import android.media.MediaRecorder
import kotlin.concurrent.thread
import org.tinyaudiossl.encoder.Resampler

/**
 * Mono sound at [rateHz], -1..1, in packets of about 100 ms. A device that refuses the rate is
 * asked for another, which is resampled.
 *
 * [onSound] and [onFailure] are called on a thread of its own; the array is used again.
 */
class Microphone(
    private val rateHz: Int,
    private val onSound: (FloatArray, Int) -> Unit,
    private val onFailure: (String) -> Unit,
) {
    @Volatile
    private var recording = false
    private var reader: Thread? = null

    /** The caller holds the permission. */
    fun start() {
        if (recording) return
        recording = true
        reader = thread(name = "microphone") { record() }
    }

    /** Returns when the microphone is free for others. Not to be called from [onSound]. */
    fun stop() {
        recording = false
        reader?.join()
        reader = null
    }

    private fun record() {
        var record: AudioRecord? = null
        try {
            record = open()
            record.startRecording()
            read(record)
        } catch (error: Exception) { // whatever a device's audio, or the encoder, comes up with
            onFailure(error.message ?: error.javaClass.simpleName)
        } finally {
            record?.release()
            recording = false
        }
    }

    private fun read(record: AudioRecord) {
        val rate = record.sampleRate
        val resampler = if (rate == rateHz) null else Resampler(rate, rateHz)
        val shorts = ShortArray(rate / 10)
        val floats = FloatArray(shorts.size)
        while (recording) {
            val count = record.read(shorts, 0, shorts.size)
            check(count >= 0) { "AudioRecord.read: $count" }
            for (i in 0 until count) floats[i] = shorts[i] / 32768f
            if (resampler == null) {
                onSound(floats, count)
            } else {
                resampler.push(floats, count).let { onSound(it, it.size) }
            }
        }
    }

    private fun open(): AudioRecord =
        listOf(rateHz, 48_000, 44_100).firstNotNullOfOrNull(::open) ?: error("the microphone accepts no sample rate")

    @SuppressLint("MissingPermission")
    private fun open(rate: Int): AudioRecord? {
        val channel = AudioFormat.CHANNEL_IN_MONO
        val format = AudioFormat.ENCODING_PCM_16BIT
        val smallest = AudioRecord.getMinBufferSize(rate, channel, format)
        if (smallest <= 0) return null
        val record = try {
            // VOICE_RECOGNITION: as it sounds, without the gain control that calls have.
            val source = MediaRecorder.AudioSource.VOICE_RECOGNITION
            AudioRecord(source, rate, channel, format, maxOf(smallest, 2 * rate)) // holds a second
        } catch (_: IllegalArgumentException) {
            return null
        }
        if (record.state == AudioRecord.STATE_INITIALIZED) return record
        record.release()
        return null
    }
}
