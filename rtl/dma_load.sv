// dma_load: the load engine: bus to scratchpad (Load), and a constant into the scratchpad (Fill).
//   every run: read bursts, then one scratchpad write per beat; Fill: one write of `Rows` bytes a cycle
// Golden: accel_models.golden.transfer.load and fill. Cycles: accel_models.cost.transfer and cost.fill.
// Accepted in cycle 0; first address phase in cycle DmaSetup-1, write of a beat one cycle after it came, first write of
// a fill in cycle DmaSetup; done_o with the last write, or in cycle DmaSetup-1 where there is nothing to move.
// Address phases run ahead while fewer than AheadBeats beats are on their way: enough for that many cycles of latency,
// and no more, so that a command fetch waits for at most AheadBeats-1+MaxBurst beats.
// An entry of a row list goes before the beats that wait for the same port.
// Beats that wait for a bank are caught up two at a time (beat_queue). A command takes the cycles of set-up, one for every
// beat or vector, and those marked by stall_o.
// Combinational paths: r_valid_i, r_error_i -> error_o; pad_ready_i -> done_o, stall_o, pad_error_o; ar_ready_i inside.
`default_nettype none
module dma_load #(
  parameter  int unsigned Rows       = 16,
  parameter  int unsigned Columns    = 16,
  parameter  int unsigned BusBytes   = 8,
  parameter  int unsigned DmaSetup   = 3,   // 3 or more
  parameter  int unsigned MaxBurst   = 64,
  parameter  int unsigned AheadBeats = 32,
  localparam int unsigned Lanes      = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned WordBytes  = 1 << $clog2((Lanes > BusBytes) ? Lanes : BusBytes),
  localparam int unsigned CountW     = $clog2(WordBytes + 1)
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  input  wire logic                      start_valid_i,
  output      logic                      start_ready_o,
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic              [511:0] command_i,      // registers resolved; the rest belongs to the engine's front
  // verilator lint_on UNUSEDSIGNAL
  output      logic                      done_o,         // last cycle of the command
  output      logic                      stall_o,        // after the set-up: no beat came in the cycle before, no vector was written
  output      logic                      error_o,        // the bus answered with an error, or an address left 32 bits
  output      logic                      pad_error_o,    // a scratchpad address left 20 bits
  output      logic                      offset_error_o, // an offset of the row list is not allowed
  output      logic                      ar_valid_o,
  input  wire logic                      ar_ready_i,
  output      logic               [31:0] ar_addr_o,
  output      logic                [7:0] ar_len_o,
  input  wire logic                      r_valid_i,
  output      logic                      r_ready_o,
  input  wire logic     [8*BusBytes-1:0] r_data_i,
  input  wire logic                      r_error_i,
  output      logic                      pad_valid_o,    // scratchpad write port
  input  wire logic                      pad_ready_i,
  output      logic               [19:0] pad_addr_o,
  output      logic         [CountW-1:0] pad_count_o,
  output      logic [WordBytes-1:0][7:0] pad_data_o,
  output      logic                      pad_list_o,     // the request reads an entry of the row list; it comes in the
  input  wire logic               [31:0] list_data_i     // cycle after the grant
);
  localparam int unsigned OffsetW  = $clog2(BusBytes);
  localparam int unsigned SetupW   = $clog2(DmaSetup);
  localparam int unsigned AheadW   = $clog2(AheadBeats + MaxBurst + 1);
  localparam int unsigned BurstW   = $clog2(MaxBurst + 1);
  localparam int unsigned BeatMost = (BusBytes > Rows) ? BusBytes : Rows;
  localparam int unsigned BeatW    = $clog2(BeatMost + 1);
  localparam int unsigned BusW     = $clog2(BusBytes + 1);

  // The command: what starts the walks comes straight from the port, the rest from registers.
  logic        start, fill, empty, listed, fill_q, empty_q, listed_q;
  logic [19:0] row_bytes, row_bytes_q, pad_row_stride_q, pad_plane_stride_q;
  logic [15:0] rows, rows_q, planes;
  logic [31:0] row_stride_q, plane_stride_q;
  logic  [7:0] value_q;
  assign start = start_valid_i && start_ready_o;
  assign fill  = command_i[accel_pkg::OpcodeLsb +: accel_pkg::OpcodeW] == accel_pkg::OpcodeFill;
  always_comb begin
    row_bytes = command_i[accel_pkg::LoadRowBytesLsb +: accel_pkg::LoadRowBytesW];
    rows      = command_i[accel_pkg::LoadRowsLsb +: accel_pkg::LoadRowsW];
    planes    = command_i[accel_pkg::LoadPlanesLsb +: accel_pkg::LoadPlanesW];
    if (fill) begin
      row_bytes = command_i[accel_pkg::FillRowBytesLsb +: accel_pkg::FillRowBytesW];
      rows      = command_i[accel_pkg::FillRowsLsb +: accel_pkg::FillRowsW];
      planes    = 16'd1;
    end
  end
  assign listed = command_i[accel_pkg::LoadListedLsb] && !fill && !empty;
  assign empty  = row_bytes == '0 || rows == '0 || planes == '0;

  always_ff @(posedge clk_i) begin
    if (start) begin
      fill_q             <= fill;
      empty_q            <= empty;
      listed_q           <= listed;
      row_bytes_q        <= row_bytes;
      rows_q             <= rows;
      row_stride_q       <= command_i[accel_pkg::LoadBusRowStrideLsb +: accel_pkg::LoadBusRowStrideW];
      plane_stride_q     <= command_i[accel_pkg::LoadBusPlaneStrideLsb +: accel_pkg::LoadBusPlaneStrideW];
      pad_row_stride_q   <= fill ? command_i[accel_pkg::FillPadRowStrideLsb +: accel_pkg::FillPadRowStrideW]
                                 : command_i[accel_pkg::LoadPadRowStrideLsb +: accel_pkg::LoadPadRowStrideW];
      pad_plane_stride_q <= command_i[accel_pkg::LoadPadPlaneStrideLsb +: accel_pkg::LoadPadPlaneStrideW];
      value_q            <= command_i[accel_pkg::FillValueLsb +: accel_pkg::FillValueW];
    end
  end

  // setup_q: cycles of set-up after this one. Without bytes they are all.
  logic              busy_q, last, walk_last, write, beat_in_q;
  logic [SetupW-1:0] setup_q;
  assign start_ready_o = !busy_q;
  assign done_o        = busy_q && (empty_q ? setup_q == SetupW'(1) : write && last);
  assign stall_o       = busy_q && setup_q == '0 && !(fill_q ? write : beat_in_q);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      setup_q <= '0;
    end else if (start) begin
      busy_q  <= 1'b1;
      setup_q <= SetupW'(DmaSetup - 1);
    end else begin
      if (done_o) busy_q <= 1'b0;
      if (setup_q != '0) setup_q <= setup_q - 1'b1;
    end
  end

  // Address phases.
  logic              issue, beat_in, bus_overflow, list_error, unused_left;
  logic       [19:0] list_address;
  logic [BurstW-1:0] issue_beats;
  logic [AheadW-1:0] ahead_q;
  assign beat_in = r_valid_i && r_ready_o;
  always_ff @(posedge clk_i) beat_in_q <= beat_in;
  burst_walk #(
    .BusBytes(BusBytes),
    .MaxBurst(MaxBurst)
  ) u_bursts (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_i       (start && !empty && !fill),
    .enable_i      (setup_q <= SetupW'(2) && 32'(ahead_q) < AheadBeats),
    .address_i     (command_i[accel_pkg::LoadBusAddressLsb +: accel_pkg::LoadBusAddressW]),
    .row_stride_i  (row_stride_q),
    .plane_stride_i(plane_stride_q),
    .row_bytes_i   (row_bytes_q),
    .rows_i        (start ? rows : rows_q),
    .planes_i      (planes),
    .listed_i      (listed),
    .list_address_i(command_i[accel_pkg::LoadListAddressLsb +: accel_pkg::LoadListAddressW]),
    .list_valid_o  (pad_list_o),
    .list_ready_i  (pad_ready_i),
    .list_address_o(list_address),
    .list_data_i   (list_data_i),
    .list_error_o  (list_error),
    .offset_error_o(offset_error_o),
    .left_o        (unused_left),
    .issue_o       (issue),
    .issue_beats_o (issue_beats),
    .valid_o       (ar_valid_o),
    .ready_i       (ar_ready_i),
    .address_o     (ar_addr_o),
    .len_o         (ar_len_o),
    .error_o       (bus_overflow)
  );
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ahead_q <= '0;
    else ahead_q <= ahead_q + (issue ? AheadW'(issue_beats) : '0) - AheadW'(beat_in);
  end

  // Beats, and the vectors of a fill.
  logic        [20:0] pad_address;
  logic [OffsetW-1:0] skip;
  logic   [BeatW-1:0] count;
  beat_walk #(
    .BusBytes   (BusBytes),
    .VectorBytes(Rows)
  ) u_beats (
    .clk_i             (clk_i),
    .start_i           (start),
    .fill_i            (fill_q),
    .bus_address_i     (command_i[accel_pkg::LoadBusAddressLsb +: OffsetW]),
    .bus_row_stride_i  (row_stride_q[OffsetW-1:0]),
    .bus_plane_stride_i(listed_q ? '0 : plane_stride_q[OffsetW-1:0]),
    .pad_address_i     (fill ? command_i[accel_pkg::FillPadAddressLsb +: accel_pkg::FillPadAddressW]
                             : command_i[accel_pkg::LoadPadAddressLsb +: accel_pkg::LoadPadAddressW]),
    .pad_row_stride_i  (pad_row_stride_q),
    .pad_plane_stride_i(pad_plane_stride_q),
    .row_bytes_i       (row_bytes_q),
    .rows_i            (start ? rows : rows_q),
    .planes_i          (planes),
    .next_i            (fill_q ? write : beat_in),
    .address_o         (pad_address),
    .skip_o            (skip),
    .count_o           (count),
    .last_o            (walk_last)
  );

  // No byte beyond the run goes into the queue: two beats are laid over each other there.
  logic                      queue_valid, queue_last;
  logic               [20:0] queue_address;
  logic         [CountW-1:0] queue_count;
  logic [WordBytes-1:0][7:0] queue_data;
  logic     [8*BusBytes-1:0] beat, shifted;
  assign shifted = r_data_i >> {skip, 3'd0};
  always_comb begin
    for (int unsigned i = 0; i < BusBytes; i++) beat[8*i +: 8] = (BeatW'(i) < count) ? shifted[8*i +: 8] : '0;
  end
  beat_queue #(
    .BusBytes (BusBytes),
    .WordBytes(WordBytes)
  ) u_queue (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .valid_i  (r_valid_i),
    .ready_o  (r_ready_o),
    .address_i(pad_address),
    .count_i  (BusW'(count)),
    .data_i   (beat),
    .last_i   (walk_last),
    .valid_o  (queue_valid),
    .ready_i  (write),
    .address_o(queue_address),
    .count_o  (queue_count),
    .data_o   (queue_data),
    .last_o   (queue_last)
  );

  assign pad_valid_o = pad_list_o || (busy_q && (fill_q ? setup_q == '0 && !empty_q : queue_valid));
  assign write       = pad_valid_o && pad_ready_i && !pad_list_o;
  assign last        = fill_q ? walk_last : queue_last;
  assign pad_addr_o  = pad_list_o ? list_address : fill_q ? pad_address[19:0] : queue_address[19:0];
  assign pad_count_o = pad_list_o ? CountW'(accel_pkg::ListEntryBytes) : fill_q ? CountW'(count) : queue_count;
  assign pad_data_o  = fill_q ? {WordBytes{value_q}} : queue_data;
  assign error_o     = (beat_in && r_error_i) || bus_overflow;
  assign pad_error_o = list_error || (write && (fill_q ? pad_address[20] : queue_address[20]));
endmodule
`default_nettype wire
