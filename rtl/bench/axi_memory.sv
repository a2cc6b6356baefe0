// axi_memory: what hangs on the accelerator's AXI4 master: flash, SRAM and external RAM. For simulation only.
//   address map: accel_pkg (accel_models.memory); elsewhere, and beyond a memory's size, DECERR; writes to flash SLVERR
// Golden: the arrays of accel_models.golden.machine. Cycles: accel_models.work.memory_speed, as follows.
// A memory has a latency L >= 1 (cycles) and a pace P >= 1 (cycles per beat, in 1/65536).
//   Reads: with the address phase taken in cycle t, a memory that is idle gives beat k = 1, 2 .. in cycle
//   t + L - 1 + ceil(k*P), so the first at P = 1 in cycle t + L. Bursts that wait behind each other keep the pace: over
//   all of them, beat k comes in cycle t + L - 1 + ceil(k*P) as long as every address phase is L cycles old by then.
//   Writes: beat k is taken in cycle t - 1 + ceil(k*P), the first offered in cycle t with its address phase taken before;
//   the response comes L cycles after the last beat.
// Responses come in the order of the addresses; read and write channels do not disturb each other. stall_i/256 is the
// chance, in every cycle and on every channel, that ready or a new valid is withheld.
// Contents: a rise of load_i[m] reads memory m (0 flash, 1 SRAM, 2 external) from FILE of +flash_image=FILE
// (+sram_image, +external_image; default flash.hex ..), $readmemh words of a bus width with @addresses; a rise of
// dump_i[m] writes it to FILE of +sram_dump=FILE (default sram.dump ..). rtl.bench.images makes and reads the files.
// Combinational path: s_axi_wvalid -> s_axi_wready.
`default_nettype none
module axi_memory #(
  parameter  int unsigned BusBytes      = 8,
  parameter  int unsigned FlashBytes    = 1 << 22,  // room; the sizes in use are bytes_i
  parameter  int unsigned SramBytes     = 1 << 20,
  parameter  int unsigned ExternalBytes = 1 << 20,
  localparam int unsigned DataW         = 8 * BusBytes
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  input  wire logic    [2:0][31:0] bytes_i,        // of flash, SRAM, external RAM; 0: not there
  input  wire logic    [2:0][15:0] latency_i,
  input  wire logic    [2:0][31:0] beat_i,         // cycles per beat, in 1/65536
  input  wire logic          [7:0] stall_i,
  input  wire logic         [31:0] seed_i,         // of the stalls, taken in reset
  input  wire logic          [2:0] load_i,
  input  wire logic          [2:0] dump_i,
  input  wire logic          [0:0] s_axi_arid,
  input  wire logic         [31:0] s_axi_araddr,
  input  wire logic          [7:0] s_axi_arlen,
  input  wire logic                s_axi_arvalid,
  output      logic                s_axi_arready,
  output      logic          [0:0] s_axi_rid,
  output      logic    [DataW-1:0] s_axi_rdata,
  output      logic          [1:0] s_axi_rresp,
  output      logic                s_axi_rlast,
  output      logic                s_axi_rvalid,
  input  wire logic                s_axi_rready,
  input  wire logic          [0:0] s_axi_awid,
  input  wire logic         [31:0] s_axi_awaddr,
  input  wire logic          [7:0] s_axi_awlen,
  input  wire logic                s_axi_awvalid,
  output      logic                s_axi_awready,
  input  wire logic    [DataW-1:0] s_axi_wdata,
  input  wire logic [BusBytes-1:0] s_axi_wstrb,
  input  wire logic                s_axi_wlast,
  input  wire logic                s_axi_wvalid,
  output      logic                s_axi_wready,
  output      logic          [0:0] s_axi_bid,
  output      logic          [1:0] s_axi_bresp,
  output      logic                s_axi_bvalid,
  input  wire logic                s_axi_bready
);
  localparam int unsigned OffsetW   = $clog2(BusBytes);
  localparam int unsigned FlashW    = $clog2(FlashBytes / BusBytes);
  localparam int unsigned SramW     = $clog2(SramBytes / BusBytes);
  localparam int unsigned ExternalW = $clog2(ExternalBytes / BusBytes);
  localparam logic  [1:0] Nowhere   = 2'd3;

  logic [DataW-1:0] flash    [FlashBytes / BusBytes];
  logic [DataW-1:0] sram     [SramBytes / BusBytes];
  logic [DataW-1:0] external [ExternalBytes / BusBytes];

  // Address map.
  function automatic logic [1:0] memory_of(input logic [31:0] address);
    memory_of = (address >= accel_pkg::ExternalBase) ? 2'd2 : (address >= accel_pkg::SramBase) ? 2'd1 :
                (address >= accel_pkg::FlashBase) ? 2'd0 : Nowhere;
  endfunction
  function automatic logic [31:0] base_of(input logic [1:0] memory);
    base_of = (memory == 2'd2) ? accel_pkg::ExternalBase : (memory == 2'd1) ? accel_pkg::SramBase :
              accel_pkg::FlashBase;
  endfunction

  // Latency and pace of the four places; time counts in 1/65536 cycles.
  logic       [63:0] now_q;  // cycle
  logic  [3:0][63:0] latency, pace, size;
  always_comb begin
    for (int m = 0; m < 3; m++) begin
      latency[m] = (latency_i[m] == '0) ? 64'd1 : 64'(latency_i[m]);
      pace[m]    = (beat_i[m] < 32'h10000) ? 64'h10000 : 64'(beat_i[m]);
      size[m]    = 64'(bytes_i[m]);
    end
    latency[3] = 64'd1;
    pace[3]    = 64'h10000;
    size[3]    = '0;
  end
  function automatic logic [63:0] later(input logic [63:0] a, input logic [63:0] b);
    later = (a > b) ? a : b;
  endfunction

  // Stalls.
  logic [63:0] noise_q, noise_a, noise_b;
  logic        stall_ar, stall_r, stall_aw, stall_w, stall_b;
  assign noise_a  = noise_q ^ (noise_q << 13);
  assign noise_b  = noise_a ^ (noise_a >> 7);
  assign stall_ar = noise_q[7:0] < stall_i;
  assign stall_r  = noise_q[15:8] < stall_i;
  assign stall_aw = noise_q[23:16] < stall_i;
  assign stall_w  = noise_q[31:24] < stall_i;
  assign stall_b  = noise_q[39:32] < stall_i;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      noise_q <= {seed_i, ~seed_i};
      now_q   <= '0;
    end else begin
      noise_q <= noise_b ^ (noise_b << 17);
      now_q   <= now_q + 64'd1;
    end
  end

  // Reads: addresses that wait, the oldest at read_q. ready: the cycle from which its beats may come.
  logic  [31:0] ar_address [64];
  logic   [7:0] ar_len     [64];
  logic   [0:0] ar_id      [64];
  logic  [63:0] ar_ready   [64];
  logic   [6:0] ar_in_q, ar_out_q;
  logic   [7:0] r_beat_q;
  logic         r_held_q, r_there;
  logic   [1:0] r_memory;
  logic  [31:0] r_offset;
  logic  [63:0] r_due;
  logic  [63:0] read_time_q [4];  // when the memory is done with its last beat
  assign s_axi_arready = ar_in_q - ar_out_q != 7'd64 && !stall_ar;
  assign r_memory      = memory_of(ar_address[ar_out_q[5:0]]);
  assign r_offset      = ar_address[ar_out_q[5:0]] - base_of(r_memory) + 32'(r_beat_q) * BusBytes;
  assign r_there       = 64'(r_offset) < size[r_memory];
  assign r_due         = later(read_time_q[r_memory], ar_ready[ar_out_q[5:0]] << 16) + pace[r_memory];
  assign s_axi_rvalid  = ar_in_q != ar_out_q && (r_held_q || ((now_q + 64'd1) << 16 >= r_due && !stall_r));
  assign s_axi_rid     = ar_id[ar_out_q[5:0]];
  assign s_axi_rresp   = r_there ? 2'b00 : 2'b11;
  assign s_axi_rlast   = r_beat_q == ar_len[ar_out_q[5:0]];
  always_comb begin
    s_axi_rdata = '0;
    if (r_there) begin
      unique case (r_memory)
        2'd0:    s_axi_rdata = flash[FlashW'(r_offset >> OffsetW)];
        2'd1:    s_axi_rdata = sram[SramW'(r_offset >> OffsetW)];
        default: s_axi_rdata = external[ExternalW'(r_offset >> OffsetW)];
      endcase
    end
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      ar_in_q  <= '0;
      ar_out_q <= '0;
      r_beat_q <= '0;
      r_held_q <= 1'b0;
      for (int m = 0; m < 4; m++) read_time_q[m] <= '0;
    end else begin
      r_held_q <= s_axi_rvalid && !s_axi_rready;
      if (s_axi_arvalid && s_axi_arready) begin
        ar_in_q                  <= ar_in_q + 7'd1;
        ar_address[ar_in_q[5:0]] <= s_axi_araddr;
        ar_len[ar_in_q[5:0]]     <= s_axi_arlen;
        ar_id[ar_in_q[5:0]]      <= s_axi_arid;
        ar_ready[ar_in_q[5:0]]   <= now_q + latency[memory_of(s_axi_araddr)];
      end
      if (s_axi_rvalid && s_axi_rready) begin
        read_time_q[r_memory] <= later(r_due, now_q << 16);
        r_beat_q              <= s_axi_rlast ? '0 : r_beat_q + 8'd1;
        ar_out_q              <= ar_out_q + 7'(s_axi_rlast);
      end
    end
  end

  // Writes: beats belong to the oldest address that waits. since: cycle from which the beat has been offered.
  logic  [31:0] aw_address [64];
  logic   [7:0] aw_len     [64];
  logic   [0:0] aw_id      [64];
  logic   [6:0] aw_in_q, aw_out_q;
  logic   [7:0] w_beat_q;
  logic         w_offered, w_taken, w_last, w_bad, w_bad_q;
  logic   [1:0] w_memory;
  logic  [31:0] w_offset;
  logic  [63:0] w_due, since_q;
  logic  [63:0] write_time_q [4];
  assign s_axi_awready = aw_in_q - aw_out_q != 7'd64 && !stall_aw;
  assign w_memory      = memory_of(aw_address[aw_out_q[5:0]]);
  assign w_offset      = aw_address[aw_out_q[5:0]] - base_of(w_memory) + 32'(w_beat_q) * BusBytes;
  assign w_bad         = w_memory == 2'd0 || 64'(w_offset) >= size[w_memory];
  assign w_due         = later(write_time_q[w_memory], since_q << 16) + pace[w_memory];
  assign w_offered     = s_axi_wvalid && aw_in_q != aw_out_q;
  assign s_axi_wready  = w_offered && (now_q + 64'd1) << 16 >= w_due && !stall_w && b_in_q - b_out_q != 7'd64;
  assign w_taken       = s_axi_wvalid && s_axi_wready;
  assign w_last        = w_beat_q == aw_len[aw_out_q[5:0]];
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      aw_in_q  <= '0;
      aw_out_q <= '0;
      w_beat_q <= '0;
      w_bad_q  <= 1'b0;
      since_q  <= '0;
      for (int m = 0; m < 4; m++) write_time_q[m] <= '0;
    end else begin
      if (s_axi_awvalid && s_axi_awready) begin
        aw_in_q                  <= aw_in_q + 7'd1;
        aw_address[aw_in_q[5:0]] <= s_axi_awaddr;
        aw_len[aw_in_q[5:0]]     <= s_axi_awlen;
        aw_id[aw_in_q[5:0]]      <= s_axi_awid;
      end
      if (!w_offered) since_q <= now_q + 64'd1;
      if (w_taken) begin
        write_time_q[w_memory] <= later(w_due, now_q << 16);
        w_beat_q               <= w_last ? '0 : w_beat_q + 8'd1;
        w_bad_q                <= !w_last && (w_bad || w_bad_q);
        aw_out_q               <= aw_out_q + 7'(w_last);
      end
    end
  end
  // Responses.
  logic  [63:0] b_ready [64];
  logic   [0:0] b_id    [64];
  logic   [1:0] b_resp  [64];
  logic   [6:0] b_in_q, b_out_q;
  logic         b_held_q;
  assign s_axi_bvalid = b_in_q != b_out_q && (b_held_q || (now_q >= b_ready[b_out_q[5:0]] && !stall_b));
  assign s_axi_bid    = b_id[b_out_q[5:0]];
  assign s_axi_bresp  = b_resp[b_out_q[5:0]];
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      b_in_q   <= '0;
      b_out_q  <= '0;
      b_held_q <= 1'b0;
    end else begin
      b_held_q <= s_axi_bvalid && !s_axi_bready;
      b_out_q  <= b_out_q + 7'(s_axi_bvalid && s_axi_bready);
      if (w_taken && w_last) begin
        b_in_q               <= b_in_q + 7'd1;
        b_ready[b_in_q[5:0]] <= now_q + latency[w_memory];
        b_id[b_in_q[5:0]]    <= aw_id[aw_out_q[5:0]];
        b_resp[b_in_q[5:0]]  <= (w_bad || w_bad_q) ? ((w_memory == 2'd0) ? 2'b10 : 2'b11) : 2'b00;
      end
    end
  end

  // Contents.
  string flash_image, sram_image, external_image, flash_dump, sram_dump, external_dump;
  initial begin
    if ($value$plusargs("flash_image=%s", flash_image) == 0) flash_image = "flash.hex";
    if ($value$plusargs("sram_image=%s", sram_image) == 0) sram_image = "sram.hex";
    if ($value$plusargs("external_image=%s", external_image) == 0) external_image = "external.hex";
    if ($value$plusargs("flash_dump=%s", flash_dump) == 0) flash_dump = "flash.dump";
    if ($value$plusargs("sram_dump=%s", sram_dump) == 0) sram_dump = "sram.dump";
    if ($value$plusargs("external_dump=%s", external_dump) == 0) external_dump = "external.dump";
  end
  logic [2:0] load_q, dump_q;
  always_ff @(posedge clk_i) begin
    load_q <= load_i;
    dump_q <= dump_i;
    if (load_i[0] && !load_q[0]) $readmemh(flash_image, flash);
    if (load_i[1] && !load_q[1]) $readmemh(sram_image, sram);
    if (load_i[2] && !load_q[2]) $readmemh(external_image, external);
    if (dump_i[0] && !dump_q[0]) $writememh(flash_dump, flash, 0, int'(bytes_i[0] / BusBytes) - 1);
    if (dump_i[1] && !dump_q[1]) $writememh(sram_dump, sram, 0, int'(bytes_i[1] / BusBytes) - 1);
    if (dump_i[2] && !dump_q[2]) $writememh(external_dump, external, 0, int'(bytes_i[2] / BusBytes) - 1);
    if (w_taken) a_wlast : assert (s_axi_wlast == w_last);
    if (w_taken && !w_bad) begin
      for (int lane = 0; lane < int'(BusBytes); lane++) begin
        if (s_axi_wstrb[lane] && w_memory == 2'd1) begin
          sram[SramW'(w_offset >> OffsetW)][8*lane +: 8] <= s_axi_wdata[8*lane +: 8];
        end
        if (s_axi_wstrb[lane] && w_memory == 2'd2) begin
          external[ExternalW'(w_offset >> OffsetW)][8*lane +: 8] <= s_axi_wdata[8*lane +: 8];
        end
      end
    end
  end
endmodule
`default_nettype wire
